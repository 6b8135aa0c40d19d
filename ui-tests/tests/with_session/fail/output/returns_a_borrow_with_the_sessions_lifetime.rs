use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn name<'a>(db: &'a mut Session<AppDb>, name: &'a str) -> QueryResult<&'a str> {
    let _ = db;
    Ok(name)
}

fn main() {}
