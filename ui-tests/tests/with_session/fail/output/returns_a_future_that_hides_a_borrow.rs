//! What `impl Future` hides borrows from the session. Await it in the function, and return what it gives.
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn later(db: &mut Session<AppDb>) -> QueryResult<impl Future<Output = bool>> {
    Ok(async move { db.in_transaction() })
}

fn main() {}
