use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _ = db;
    Ok(id)
}

async fn caller(db: &mut Session<AppDb>) {
    // Both are still there, so that this is not an error as well.
    let _ = rename_in(db, 1);
    let _ = rename(1);
}

fn main() {}
