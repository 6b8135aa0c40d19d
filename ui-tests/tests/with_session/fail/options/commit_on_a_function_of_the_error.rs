use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

fn decide(error: &SessionError) -> bool {
    matches!(error, SessionError::Timeout(_))
}

#[with_session(commit_on = decide)]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
