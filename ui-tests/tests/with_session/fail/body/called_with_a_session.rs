//! Inside of a session call the joining form: `rename_in(db, 1)`.

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _ = db;
    Ok(id)
}

#[with_session]
async fn twice(db: &mut Session<AppDb>) -> QueryResult<i32> {
    rename(db, 1).await
}

fn main() {}
