#![deny(warnings, clippy::pedantic, missing_docs)]
#![allow(
    clippy::missing_errors_doc,
    clippy::multiple_bound_locations,
    clippy::needless_lifetimes,
    clippy::no_effect_underscore_binding,
    clippy::unused_async,
    clippy::used_underscore_binding,
    reason = "of the functions as they are written here, not of what the macro makes of them"
)]
//! The block form with everything in it, and what is generated.

use std::time::Duration;

use session_factory::config::SecretString;
use session_factory::session_factory;

session_factory! {
    /// Reporting database.
    pub struct ReportsDb(Postgres) {
        prefix = "REPORTS_",
        url = env("REPORTS_URL"),
        replica_url = env("REPORTS_REPLICA"),
        echo = env("REPORTS_ECHO", default = true),
        pool_size = env("REPORTS_POOL", default = 20),
        max_overflow = 0,
        pool_pre_ping = false,
        pool_timeout = "5s",
        pool_recycle = env("REPORTS_RECYCLE", default = "1h"),
        idle_timeout = 60,
        connect_timeout = env("REPORTS_CONNECT", default = 3),
        statement_timeout = "1m 30s",
        statement_cache = 0,
        slow_statement = "off",
        slow_acquire = env("REPORTS_SLOW", default = "500ms"),
        /// Rows per batch.
        batch: u32 = env("REPORTS_BATCH", default = 500),
        /// Who is told.
        mail: String = env("REPORTS_MAIL", default = "ops@example.org"),
        /// How often.
        every: Duration = env("REPORTS_EVERY", default = "1h"),
        /// A ratio.
        ratio: f64 = env("REPORTS_RATIO", default = 0.5),
        /// May be missing.
        limit: Option<u64> = env("REPORTS_LIMIT"),
        /// A secret of its own.
        token: Option<SecretString> = env("REPORTS_TOKEN"),
        /// A constant.
        title: String = "Reports",
        /// Another.
        r#type: u8 = 1 + 2,
    }
}

#[allow(clippy::unwrap_used)]
fn main() {
    let config = ReportsDbConfig::from_vars(|key| match key {
        "REPORTS_URL" => Some("postgres://ada:hunter2@localhost/app".to_owned()),
        "REPORTS_TOKEN" => Some("hunter3".to_owned()),
        "REPORTS_BATCH" => Some("7".to_owned()),
        _ => None,
    })
    .unwrap();
    assert!(config.echo);
    assert_eq!((config.pool_size, config.max_overflow), (20, 0));
    assert_eq!(config.pool_timeout, Duration::from_secs(5));
    assert_eq!(config.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.idle_timeout, Duration::from_secs(60));
    assert_eq!(config.statement_timeout, Some(Duration::from_secs(90)));
    assert_eq!(config.statement_cache, Some(0));
    assert_eq!(config.slow_statement, None);
    assert_eq!(config.slow_acquire, Some(Duration::from_millis(500)));
    assert_eq!(config.leak_threshold, None);
    assert_eq!((config.batch, config.limit, config.r#type), (7, None, 3));
    assert_eq!(
        (config.mail.as_str(), config.title.as_str()),
        ("ops@example.org", "Reports")
    );
    assert_eq!(config.every, Duration::from_secs(3600));
    let printed = format!("{config:?}");
    assert!(!printed.contains("hunter"), "{printed}");

    let names: Vec<_> = ReportsDb::KEYS.iter().map(|key| key.name).collect();
    assert!(names.contains(&"REPORTS_DB_LEAK_THRESHOLD"), "{names:?}");
    assert!(!names.contains(&"REPORTS_DB_MAX_OVERFLOW"), "{names:?}");
    let batch = ReportsDb::KEYS
        .iter()
        .find(|key| key.name == "REPORTS_BATCH")
        .unwrap();
    assert_eq!(
        (batch.setting, batch.ty, batch.default),
        ("batch", "u32", Some("500"))
    );
    assert_eq!(
        (batch.required, batch.secret, batch.doc),
        (false, false, "Rows per batch.")
    );
    assert!(
        ReportsDb::env_example()
            .contains("\n# Rows per batch.\n# Type: u32, default 500.\n# REPORTS_BATCH=500\n")
    );

    let error = ReportsDbConfig::from_vars(|_| Some("mysql://secret".to_owned())).unwrap_err();
    assert!(error.problems().len() >= 7, "{error}");
    assert!(!error.to_string().contains("://secret"), "{error}");
}
