use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(id: i32, db: &mut Session<AppDb>) -> QueryResult<i32> {
    let _ = db;
    Ok(id)
}

fn main() {}
