use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use diesel_async::AsyncPgConnection;

#[with_session(AppDb)]
async fn rename(conn: &mut AsyncPgConnection) -> QueryResult<()> {
    let _ = conn;
    Ok(())
}

fn main() {}
