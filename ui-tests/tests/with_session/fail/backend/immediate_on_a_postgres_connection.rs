use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(AppDb, immediate)]
async fn rename(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    let _ = conn;
    Ok(())
}

fn main() {}
