// mistakes: 4
use session_factory::{Factory, Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<&AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f1(db: &mut Session<Factory<AppDb>>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f2(db: &mut Session<()>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f3(db: &mut Session<"AppDb">) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
