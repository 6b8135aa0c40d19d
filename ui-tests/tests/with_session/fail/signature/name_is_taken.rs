//! The joining form is `rename_in`; `joined = "…"` gives it another name.

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

async fn rename_in(id: i32) -> i32 {
    id
}

fn main() {}
