//! A closure that returns an `async` block cannot lend the session to it. Write `async |db| { … }`.
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn work(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.savepoint(|db| async move { work(db).await }).await
}

fn main() {}
