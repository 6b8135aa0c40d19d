// mistakes: 1
use session_factory::{Session, SessionError, session_factory, with_session};

#[derive(Debug, Clone)]
pub struct AppDb {
    pub name: String,
}

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {
    drop(rename());
}
