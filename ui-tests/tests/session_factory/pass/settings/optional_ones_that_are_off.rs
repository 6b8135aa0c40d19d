use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        slow_statement = "off",
        slow_acquire = env("SLOW", default = "off"),
        statement_timeout = "5s",
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.slow_statement, config.slow_acquire), (None, None));
    assert_eq!(config.statement_timeout, Some(Duration::from_secs(5)));
}
