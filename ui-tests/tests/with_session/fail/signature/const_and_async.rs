// mistakes: 1
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
const async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
