//! The transaction begins with the first statement, and each statement is sent at once: there is nothing to begin, to add or
//! to flush. A transaction inside of it is a savepoint.
// mistakes: 5
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.begin_nested().await
}

#[with_session]
async fn f1(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.acquire().await
}

#[with_session]
async fn f2(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.flush().await
}

#[with_session]
async fn f3(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.add(5);
    db.release().await
}

fn main() {}
