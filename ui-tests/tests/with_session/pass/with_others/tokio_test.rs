#![deny(warnings)]
//! A test is not there where nothing is tested, and leaves nothing behind.

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
#[tokio::test]
async fn in_a_test(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session]
#[tokio::main(flavor = "current_thread")]
async fn as_main(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

fn main() {
    let run: fn() -> QueryResult<i32> = as_main;
    let _ = run;
}
