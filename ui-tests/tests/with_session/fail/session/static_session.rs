use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn name(db: &'static mut Session<AppDb>) -> QueryResult<&'static str> {
    let _ = db;
    Ok("")
}

fn main() {}
