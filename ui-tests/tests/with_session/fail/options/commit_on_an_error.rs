use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

enum AppError {
    NotFound,
    Session(SessionError),
}

impl From<SessionError> for AppError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

#[with_session(commit_on = AppError::NotFound)]
async fn rename(db: &mut Session<AppDb>) -> Result<(), AppError> {
    let _ = db;
    Ok(())
}

fn main() {}
