//! With `retry` a body runs more than once and must not change what is outside. Count in an atomic, or return what changed.
// mistakes: 2
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<u32, SessionError> {
    let mut attempts = 0;
    AppDb::session()
        .retry(5)
        .run(async |db| {
            attempts += 1;
            db.rollback().await
        })
        .await?;
    Ok(attempts)
}

fn main() {}
