use std::time::Duration;

use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn all() -> Result<(), SessionError> {
    AppDb::init().await?;
    let mut session = AppDb::create_session().await?;
    session.commit().await?;
    AppDb::with_session(async |_db| Ok::<_, SessionError>(())).await?;
    AppDb::session().retry(3).run(async |_db| Ok::<_, SessionError>(())).await?;
    let _factory = AppDb::factory().await?;
    let _ = AppDb::status();
    AppDb::health().await?;
    AppDb::shutdown(Duration::from_secs(1)).await;
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(all());
}
