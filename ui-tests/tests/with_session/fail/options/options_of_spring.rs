// mistakes: 8
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(readOnly = true)]
async fn f0(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(readOnly = false)]
async fn f1(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(rollbackFor = AppError)]
async fn f2(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(noRollbackFor = AppError)]
async fn f3(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(isolation = "READ_COMMITTED")]
async fn f4(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(isolation = Isolation.SERIALIZABLE)]
async fn f5(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(isolation = "DEFAULT")]
async fn f6(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(timeout = 30)]
async fn f7(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
