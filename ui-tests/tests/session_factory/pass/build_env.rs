#![deny(warnings, clippy::pedantic, unreachable_pub)]
//! What is fixed when the program is compiled. Cargo sets some variables, and nobody sets the others.

use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    /// For whichever database it is built.
    pub(crate) struct AppDb(build_env("SESSION_FACTORY_NOBODY_SETS_BACKEND", default = "sqlite")) {
        pool_size: 1..=200 = build_env("SESSION_FACTORY_NOBODY_SETS_POOL", default = 1),
        max_overflow = build_env("CARGO_PKG_VERSION_MAJOR", default = 7),
        echo = build_env("CARGO_PKG_VERSION_MINOR"),
        statement_timeout = build_env("SESSION_FACTORY_NOBODY_SETS_TIMEOUT"),
        slow_acquire = build_env("SESSION_FACTORY_NOBODY_SETS_SLOW", default = "off"),
        /// Rows per batch.
        batch: u32 in 1..=1000 = build_env("SESSION_FACTORY_NOBODY_SETS_BATCH", default = 20 + 3),
        name: String = build_env("CARGO_PKG_NAME"),
        minor: Option<u8> = build_env("CARGO_PKG_VERSION_PATCH"),
        limit: Option<u64> = build_env("SESSION_FACTORY_NOBODY_SETS_LIMIT"),
        every: Duration = build_env("SESSION_FACTORY_NOBODY_SETS_EVERY", default = "1h"),
    }
}

fn pool_of_one<F: session_factory::SessionFactory<Pool = session_factory::__private::PoolOfOne>>() {}

#[allow(clippy::unwrap_used)]
fn main() {
    // What is built in is not read again.
    let vars = |key: &str| match key {
        "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
        "SESSION_FACTORY_NOBODY_SETS_POOL" => Some("malformed".to_owned()),
        _ => None,
    };
    let config = AppDbConfig::from_vars(vars).unwrap();
    assert_eq!((config.pool_size, config.max_overflow), (1, 0));
    assert!(!config.echo);
    assert_eq!((config.statement_timeout, config.slow_acquire), (None, None));
    assert_eq!((config.batch, config.minor, config.limit), (23, Some(0), None));
    assert!(config.name.contains("ui-tests"), "{}", config.name);
    assert_eq!(config.every, Duration::from_secs(3600));
    pool_of_one::<AppDb>();

    let key = |name: &str| AppDb::KEYS.iter().find(|key| key.name == name).unwrap();
    let batch = key("SESSION_FACTORY_NOBODY_SETS_BATCH");
    assert_eq!((batch.build, batch.range), (true, Some("1..=1000")));
    assert!(key("SESSION_FACTORY_NOBODY_SETS_BACKEND").build);
    assert!(!key("DATABASE_URL").build);
    let example = AppDb::env_example();
    assert!(example.contains("---- Fixed when the program is built ----"), "{example}");
    let table = AppDbConfig::describe_vars(vars);
    let rows: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in ["CARGO_PKG_VERSION_MAJOR build 0", "SESSION_FACTORY_NOBODY_SETS_POOL default 1"] {
        assert!(rows.iter().any(|shown| shown == row), "{row} in {table}");
    }
}
