use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut AppDb) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
