use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_timeout = 5,
        pool_recycle = 5400.5,
        idle_timeout = "1h 30m",
        slow_statement = "none",
        slow_acquire = env("SLOW", default = "250ms"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!(config.pool_timeout.as_secs(), 5);
    assert_eq!(config.pool_recycle.as_millis(), 5_400_500);
    assert_eq!((config.slow_statement, config.idle_timeout.as_secs()), (None, 5400));
}
