// mistakes: 3
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(read-only)]
async fn f0(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(requires-new)]
async fn f1(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(isolation-level = "serializable")]
async fn f2(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
