use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn ids(db: &mut Session<AppDb>) -> QueryResult<&[i32]> {
    let _ = db;
    Ok(&[])
}

fn main() {}
