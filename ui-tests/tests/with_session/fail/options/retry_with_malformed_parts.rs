// mistakes: 5
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry(max = 5, base = 10, cap = "soon"))]
async fn one(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(retry(max = 5, max = 6))]
async fn two(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(retry(max = 5; base = "1s"))]
async fn three(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(retry(max))]
async fn four(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
