// mistakes: 3
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(read_only = true)]
async fn one(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(savepoint = false)]
async fn two(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(detach("always"))]
async fn three(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
