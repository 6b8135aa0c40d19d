//! An `Err` that is not the function's own would be committed.
// mistakes: 4
use std::task::Poll;

use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<AppDb>) -> Option<Result<u32, SessionError>> {
    let _ = db;
    None
}

#[with_session]
async fn f1(db: &mut Session<AppDb>) -> Vec<Result<u32, SessionError>> {
    let _ = db;
    Vec::new()
}

#[with_session]
async fn f2(db: &mut Session<AppDb>) -> (u32, Result<u32, SessionError>) {
    let _ = db;
    (1, Ok(1))
}

#[with_session]
async fn f3(db: &mut Session<AppDb>) -> Poll<Result<u32, SessionError>> {
    let _ = db;
    Poll::Pending
}

fn main() {}
