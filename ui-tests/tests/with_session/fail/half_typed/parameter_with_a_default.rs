use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn list(db: &mut Session<AppDb>, limit: i64 = 50) -> Result<i64, SessionError> {
    let _ = db;
    Ok(limit)
}

fn main() {}
