// mistakes: 3
use std::time::Duration;

use session_factory::{Factory, SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn timeout() -> Result<(), SessionError> {
    AppDb::with_session(async |db| db.rollback().await)
        .timeout(Duration::from_secs(5))
        .await
}

async fn retry(factory: Factory<AppDb>) -> Result<(), SessionError> {
    factory
        .with_session(async |db| db.rollback().await)
        .retry(5)
        .await
}

async fn read_only() -> Result<(), SessionError> {
    AppDb::session()
        .run(async |db| db.rollback().await)
        .read_only()
        .requires_new()
        .await
}

fn main() {}
