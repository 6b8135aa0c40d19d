// mistakes: 5
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(timeout: "5s")]
async fn f0(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(retry: 3)]
async fn f1(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(read_only: true)]
async fn f2(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(retry(max: 3))]
async fn f3(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(isolation: "serializable")]
async fn f4(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
