// mistakes: 2
use session_factory::driver::Postgres;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<Postgres>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f1(db: &mut Session<Sqlite>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
