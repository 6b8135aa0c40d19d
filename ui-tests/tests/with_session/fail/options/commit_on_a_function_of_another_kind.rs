// mistakes: 2
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

fn keep(number: i32) -> bool {
    number > 0
}

fn decide(result: &QueryResult<()>) -> Option<bool> {
    result.is_ok().then_some(true)
}

#[with_session(commit_on = keep)]
async fn one(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(commit_on = decide)]
async fn two(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
