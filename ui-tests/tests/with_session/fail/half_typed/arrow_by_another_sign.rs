// mistakes: 2
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<AppDb>): Result<(), SessionError> {
    db.rollback().await
}

#[with_session]
async fn f1(db: &mut Session<AppDb>) => Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
