// mistakes: 3
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(timeout = "1h30")]
async fn one(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

#[with_session(timeout = "00:00:30")]
async fn two(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

#[with_session(timeout = "PT1M30S")]
async fn three(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
