use session_factory::{SessionError, SessionFactory, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut SessionFactory<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
