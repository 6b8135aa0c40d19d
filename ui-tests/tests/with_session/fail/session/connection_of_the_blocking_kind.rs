use diesel::result::QueryResult;
use diesel::SqliteConnection;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(conn: &mut SqliteConnection) -> QueryResult<()> {
    let _ = conn;
    Ok(())
}

fn main() {}
