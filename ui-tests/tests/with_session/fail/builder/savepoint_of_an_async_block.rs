//! A closure that returns an `async` block cannot lend the session to it. Write `async |db| { … }`.
use session_factory::{Session, SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.savepoint(|db| async move { db.rollback().await }).await
}

fn main() {}
