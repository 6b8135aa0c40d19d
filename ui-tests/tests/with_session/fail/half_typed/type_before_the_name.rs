use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, String name) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
