//! `rename_in(db, 1)` was meant. It is a warning, which this case makes an error.
// mistakes: 2
#![deny(deprecated)]
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
    rename(1).await?;
    rename(2).await
}

#[with_session(joined = false)]
async fn once(db: &mut Session<AppDb>) -> QueryResult<i32> {
    rename(1).await
}

fn main() {}
