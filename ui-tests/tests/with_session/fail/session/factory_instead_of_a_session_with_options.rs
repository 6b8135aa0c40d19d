//! Each function has one mistake, and one error, whatever its options.
// mistakes: 2
use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(savepoint, retry = 3, isolation = "serializable", immediate)]
async fn rename(db: &mut AppDb) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(detach, requires_new)]
async fn remove(db: &mut AppDb) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
