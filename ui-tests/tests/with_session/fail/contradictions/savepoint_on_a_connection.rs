use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(AppDb, savepoint)]
async fn rename(conn: &mut AsyncPgConnection, id: i32) -> QueryResult<i32> {
    let _ = conn;
    Ok(id)
}

fn main() {}
