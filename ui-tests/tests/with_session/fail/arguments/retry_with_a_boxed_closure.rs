// mistakes: 2
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(retry = 3)]
async fn f0(db: &mut Session<AppDb>, done: Box<dyn FnOnce() + Send>) -> Result<(), SessionError> {
    let _ = db;
    done();
    Ok(())
}

#[with_session(retry = 3)]
async fn f1(db: &mut Session<AppDb>, done: Box<dyn Fn(u32) + Send + Sync>) -> Result<(), SessionError> {
    let _ = db;
    done(1);
    Ok(())
}

fn main() {}
