use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_timeout = "1m 30s",
        pool_recycle = "2h",
        connect_timeout = "250 ms",
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_timeout, config.pool_recycle), (Duration::from_secs(90), Duration::from_secs(7200)));
    assert_eq!(config.connect_timeout, Duration::from_millis(250));
}
