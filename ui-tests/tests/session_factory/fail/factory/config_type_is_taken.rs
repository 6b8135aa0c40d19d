//! The factory generates `AppDbConfig`, and the application has a type of that name.
// mistakes: 1
use session_factory::{Session, SessionError, session_factory, with_session};

#[derive(Debug, Clone, Default)]
pub struct AppDbConfig {
    pub url: String,
    pub workers: u32,
}

session_factory! {
    pub struct AppDb(Postgres) {
        echo = true,
    }
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {
    let _ = AppDbConfig::default();
    drop(rename());
}
