//! A closure that returns an `async` block cannot lend the session to it. Write `async |db| { … }`.
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<(), SessionError> {
    AppDb::with_session(|db| async move { db.rollback().await }).await
}

fn main() {}
