// mistakes: 2
use diesel::SqliteConnection;
use diesel_async::AsyncPgConnection;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<AsyncPgConnection>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f1(db: &mut Session<SqliteConnection>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
