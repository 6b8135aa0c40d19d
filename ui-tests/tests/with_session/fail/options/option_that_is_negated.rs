// mistakes: 5
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(!read_only)]
async fn f0(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(no_retry)]
async fn f1(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(no_joined)]
async fn f2(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(retry = false)]
async fn f3(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(replica = false)]
async fn f4(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
