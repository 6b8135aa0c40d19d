use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size: 1..=200,
        max_overflow: ..50 = 5,
        pool_timeout: "1s"..="1m" = env("WAIT", default = "10s"),
        statement_cache: 0.. = env("CACHE"),
        slow_statement: 1..60 = env("SLOW", default = 2),
        batch: u32 in 1..=1000 = env("BATCH", default = 500),
        delta: i32 in -5..=5 = -5,
        ratio: f64 in 0.0..=1.0 = 0.5,
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_size, config.max_overflow, config.batch, config.delta), (5, 5, 500, -5));
    assert!(config.ratio < 1.0 && config.statement_cache.is_none());
}
