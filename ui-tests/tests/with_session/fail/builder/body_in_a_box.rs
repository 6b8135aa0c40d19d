//! A closure that returns a boxed future cannot lend the session to it. Write `async |db| { … }`.
use session_factory::{Session, SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn work(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

async fn rename() -> Result<(), SessionError> {
    AppDb::with_session(|db| Box::pin(async move { work(db).await })).await
}

fn main() {}
