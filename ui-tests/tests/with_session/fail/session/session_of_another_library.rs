use session_factory::{SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut AsyncSession) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
