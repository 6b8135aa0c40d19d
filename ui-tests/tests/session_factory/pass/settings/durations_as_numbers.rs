use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_timeout = 30,
        connect_timeout = 0.5,
        idle_timeout = env("IDLE", default = 60),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_timeout, config.connect_timeout), (Duration::from_secs(30), Duration::from_millis(500)));
    assert_eq!(config.idle_timeout, Duration::from_secs(60));
}
