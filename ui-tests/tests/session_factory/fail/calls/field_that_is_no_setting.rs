use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let config = AppDbConfig::from_env()?;
    let _ = config.max_connections;
    Ok(())
}

fn main() {
    drop(start());
}
