//! Name the error type at the last `Ok`, `Ok::<_, SessionError>(())`, or behind the parameter, `async |db| -> Result<_, SessionError> { … }`.
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<(), SessionError> {
    let _ = AppDb::with_session(async |db| {
        db.rollback().await?;
        Ok(())
    })
    .await;
    Ok(())
}

fn main() {}
