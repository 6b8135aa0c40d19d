use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<(), SessionError> {
    AppDb::with_session(|_db| Ok(())).await
}

fn main() {}
