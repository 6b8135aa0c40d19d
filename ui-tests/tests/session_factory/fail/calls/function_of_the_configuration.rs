// mistakes: 3
use session_factory::{ConfigError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

fn read() -> Result<(), ConfigError> {
    let config: AppDbConfig = AppDb::from_env()?;
    let _: AppDbConfig = AppDb::from_vars(|_| None)?;
    drop(config);
    Ok(())
}

fn running() -> AppDbConfig {
    AppDb::config()
}

fn main() {}
