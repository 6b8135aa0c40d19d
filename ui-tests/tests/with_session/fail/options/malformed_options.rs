// mistakes: 7
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(joined)]
async fn one(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(joined = 5)]
async fn two(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(joined = true)]
async fn three(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(joined = "not a name")]
async fn four(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session("AppDb")]
async fn five(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(AppDb, AppDb)]
async fn six(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(crate = "session_factory")]
async fn seven(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
