// mistakes: 7
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(isolation("repeatable_read"))]
async fn f0(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(timeout("7s"))]
async fn f1(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(timeout "7s")]
async fn f2(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(timeout == "7s")]
async fn f3(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(isolation: Serializable)]
async fn f4(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(joined(false))]
async fn f5(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(commit_on(decide))]
async fn f6(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
