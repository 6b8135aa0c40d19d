use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

/// Summary.
///
/// # Examples
/// None.
#[doc(alias = "x")]
#[allow(unused_variables)]
#[with_session]
async fn one(db: &mut Session<AppDb>, id: i32) -> QueryResult<()> {
    Ok(())
}

#[with_session(savepoint)]
#[expect(unused_variables, reason = "shown")]
#[doc = "Written differently."]
async fn two(db: &mut Session<AppDb>, id: i32) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(1), two(1)));
}
