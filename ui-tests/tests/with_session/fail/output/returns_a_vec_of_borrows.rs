use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn names(db: &mut Session<AppDb>) -> QueryResult<Vec<&str>> {
    let _ = db;
    Ok(Vec::new())
}

fn main() {}
