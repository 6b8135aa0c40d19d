#![deny(warnings, clippy::pedantic, unreachable_pub)]
//! Values that are narrower than their types.

use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub(crate) struct AppDb(Sqlite) {
        pool_size: 1..=200,
        max_overflow: ..=50 = env("OVERFLOW", default = 0),
        pool_timeout: "1s"..="1m" = env("WAIT", default = 30),
        statement_timeout: 1..60,
        statement_cache: 0..=0,
        batch: u32 in 1..=1000 = env("BATCH", default = 500),
        ratio: f64 in 0.0..=1.0 = env("RATIO", default = 0.5),
        pause: Option<Duration> in "1ms".. = env("PAUSE"),
        delta: i32 in -5..=5 = env("DELTA", default = -5),
        size: usize in 10.. = 10,
    }
}

fn wrong(vars: &[(&str, &str)]) -> String {
    let error = AppDbConfig::from_vars(|key| {
        let found = vars.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| (*value).to_owned())
    });
    error.map_or_else(|error| error.to_string(), |_| String::new())
}

fn main() {
    let url = ("DATABASE_URL", "sqlite::memory:");
    assert_eq!(wrong(&[url]), "");
    assert_eq!(wrong(&[url, ("DB_POOL_SIZE", "200"), ("DELTA", "5"), ("PAUSE", "1ms")]), "");
    let text = wrong(&[
        url,
        ("DB_POOL_SIZE", "201"),
        ("OVERFLOW", "51"),
        ("WAIT", "500ms"),
        ("DB_STATEMENT_TIMEOUT", "1m"),
        ("DB_STATEMENT_CACHE", "1"),
        ("BATCH", "0"),
        ("RATIO", "1.5"),
        ("PAUSE", "0"),
        ("DELTA", "-6"),
    ]);
    for part in [
        "wrong in 9 places",
        "DB_POOL_SIZE is malformed; expected a value in 1..=200; found `201`",
        "OVERFLOW is malformed; expected a value in ..=50; found `51`",
        "WAIT is malformed; expected a value in 1s..=1m; found `500ms`",
        "DB_STATEMENT_TIMEOUT is malformed; expected a value in 1..60; found `1m`",
        "RATIO is malformed; expected a value in 0.0..=1.0; found `1.5`",
        "DELTA is malformed; expected a value in -5..=5; found `-6`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let size = AppDb::KEYS.iter().find(|key| key.name == "DB_POOL_SIZE");
    assert_eq!(size.and_then(|key| key.range), Some("1..=200"));
    assert!(AppDb::env_example().contains("# Type: u32 in 1..=1000, default 500.\n# BATCH=500\n"));
}
