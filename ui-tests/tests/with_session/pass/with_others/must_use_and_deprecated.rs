use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
#[must_use = "it counts"]
async fn above(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[deprecated(note = "use `above`")]
#[with_session]
async fn old(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[inline]
#[cold]
#[with_session]
async fn inlined(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((above(), inlined()));
    #[allow(deprecated)]
    spawned(old());
}
