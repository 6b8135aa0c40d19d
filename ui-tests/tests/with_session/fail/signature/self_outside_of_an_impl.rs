use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(&self, db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
