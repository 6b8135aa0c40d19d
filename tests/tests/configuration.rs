//! Bad input is a typed error that names the key, says what was expected and hides the secret.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use session_factory::config::Problem;
use session_factory::{ConfigError, SessionError, session_factory};
use session_factory_tests::{LiteDbConfig, PgDb, PgDbConfig};

session_factory! {
    /// Reports.
    pub struct ReportsDb(Postgres) {
        prefix = "REPORTS_",
        url = env("REPORTS_URL"),
        echo = env("REPORTS_ECHO", default = true),
        pool_size = env("REPORTS_POOL", default = 20),
        max_overflow = 0,
        /// Rows per batch.
        batch: u32 = env("REPORTS_BATCH", default = 500),
        /// Where reports go.
        target: String = env("REPORTS_TARGET"),
    }
}

session_factory! {
    /// Uses all syntax of the macro.
    pub struct TunedDb(build_env("TESTS_BACKEND", default = "postgres")) {
        prefix = "TUNED_",
        pool_size: 1..=200,
        max_overflow: ..=50 = build_env("TESTS_OVERFLOW", default = 5),
        pool_timeout: "1s"..="1m" = env("TUNED_WAIT", default = 30),
        echo = build_env("TESTS_ECHO", default = true),
        statement_timeout: 1..60,
        batch: u32 in 1..=1000 = build_env("TESTS_BATCH", default = 500),
        pause: Option<std::time::Duration> in "1ms".. = env("TUNED_PAUSE"),
        address: std::net::Ipv4Addr = env("TUNED_ADDRESS", default = "127.0.0.1"),
        other: Option<std::net::Ipv6Addr> = env("TUNED_OTHER"),
    }
}

#[test]
fn ranges_and_what_is_built_in_have_their_values() {
    let config = TunedDbConfig::from_vars(|key| match key {
        "TUNED_DATABASE_URL" => Some("postgres://app@localhost/app".into()),
        "TUNED_DB_POOL_SIZE" => Some("200".into()),
        "TUNED_OTHER" => Some("::1".into()),
        _ => None,
    })
    .unwrap();
    assert_eq!(
        (config.pool_size, config.max_overflow, config.batch),
        (200, 5, 500)
    );
    assert!(config.echo && config.address.is_loopback() && config.pause.is_none());
    assert_eq!(config.other, Some(std::net::Ipv6Addr::LOCALHOST));
    let table = TunedDbConfig::describe_vars(|_| None);
    assert!(
        table.contains("TESTS_BACKEND                    build    PostgreSQL"),
        "{table}"
    );
    let text = message(
        TunedDbConfig::from_vars(|key| match key {
            "TUNED_DB_POOL_SIZE" => Some("201".into()),
            "TUNED_PAUSE" => Some("1us".into()),
            "TUNED_ADDRESS" => Some("here".into()),
            _ => None,
        })
        .unwrap_err(),
    );
    for part in [
        "in 4 places",
        "TUNED_DB_POOL_SIZE is malformed; expected a value in 1..=200; found `201`",
        "TUNED_PAUSE is malformed; expected a value in 1ms..; found `1us`",
        "TUNED_ADDRESS is malformed; expected a value of the type `std::net::Ipv4Addr`; found `here`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn url(value: &str) -> Result<PgDbConfig, ConfigError> {
    PgDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| value.to_owned()))
}

fn message(error: impl Into<SessionError>) -> String {
    let error = error.into();
    assert!(matches!(error, SessionError::Config(_)));
    error.to_string()
}

#[test]
fn an_unset_url_names_the_key_and_what_to_write() {
    let text = message(PgDbConfig::from_vars(|_| None).unwrap_err());
    assert!(text.contains("DATABASE_URL"), "{text}");
    assert!(text.contains("postgres://"), "{text}");
}

#[test]
fn an_empty_url_is_told_apart_from_an_unset_one() {
    let text = message(url("").unwrap_err());
    assert!(
        text.contains("DATABASE_URL") && text.contains("empty"),
        "{text}"
    );
}

#[test]
fn a_malformed_url_is_told_without_its_secret() {
    for wrong in [
        "postgres://app:hidden-word@host:notaport/app",
        "postgres://app:hidden-word@host/app?sslmode=maybe",
        "://hidden-word",
        "hidden-word",
        "postgres://",
    ] {
        let error = url(wrong).expect_err(wrong);
        let text = format!("{} {error:?}", message(error.clone()));
        assert!(text.contains("DATABASE_URL"), "{text}");
        assert!(!text.contains("hidden-word"), "{wrong}: {text}");
    }
}

#[test]
fn another_backends_scheme_is_named() {
    let text = message(url("mysql://app:hidden-word@host/app").unwrap_err());
    assert!(
        text.contains("DATABASE_URL") && text.contains("mysql"),
        "{text}"
    );
    assert!(text.contains("postgres://"), "{text}");
    assert!(!text.contains("hidden-word"), "{text}");
    let vars =
        |key: &str| (key == "DATABASE_URL").then(|| "postgres://u:hidden-word@h/d".to_owned());
    let text = message(LiteDbConfig::from_vars(vars).unwrap_err());
    assert!(
        text.contains("sqlite:") && !text.contains("hidden-word"),
        "{text}"
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let error = ReportsDbConfig::from_vars(|key| match key {
        "REPORTS_POOL" => Some("0".into()),
        "REPORTS_ECHO" => Some("perhaps".into()),
        "REPORTS_BATCH" => Some("-1".into()),
        "REPORTS_DB_POOL_TIMEOUT" => Some("soon".into()),
        _ => None,
    })
    .unwrap_err();
    let text = error.to_string();
    for key in [
        "REPORTS_URL",
        "REPORTS_POOL",
        "REPORTS_ECHO",
        "REPORTS_BATCH",
        "REPORTS_TARGET",
        "REPORTS_DB_POOL_TIMEOUT",
    ] {
        assert!(text.contains(key), "{key} in: {text}");
    }
    assert_eq!(error.problems().len(), 6, "{text}");
}

#[test]
fn settings_own_keys_and_constants_have_their_values() {
    let config = ReportsDbConfig::from_vars(|key| match key {
        "REPORTS_URL" => Some("postgres://app@localhost/reports".into()),
        "REPORTS_TARGET" => Some("/tmp".into()),
        "REPORTS_DB_POOL_TIMEOUT" => Some("1500ms".into()),
        "REPORTS_DB_POOL_RECYCLE" => Some("90".into()),
        _ => None,
    })
    .unwrap();
    assert!(config.echo);
    assert_eq!(
        (config.pool_size, config.max_overflow, config.batch),
        (20, 0, 500)
    );
    assert_eq!(config.target, "/tmp");
    assert_eq!(config.pool_timeout.as_millis(), 1500);
    assert_eq!(config.pool_recycle.as_secs(), 90);
    assert_eq!(config.connect_timeout.as_secs(), 10);
    assert!(config.pool_pre_ping);
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = url("postgres://app@localhost/app").unwrap();
    assert!(!config.echo);
    assert_eq!((config.pool_size, config.max_overflow), (5, 10));
    assert_eq!(config.pool_timeout.as_secs(), 30);
    assert_eq!(config.pool_recycle.as_secs(), 30 * 60);
    assert_eq!(config.idle_timeout.as_secs(), 10 * 60);
}

#[test]
fn keys_describe_themselves() {
    let keys: Vec<_> = PgDb::KEYS.iter().map(|key| key.name).collect();
    assert!(
        keys.contains(&"DATABASE_URL") && keys.contains(&"DB_POOL_SIZE"),
        "{keys:?}"
    );
    let url = PgDb::KEYS
        .iter()
        .find(|key| key.name == "DATABASE_URL")
        .unwrap();
    assert!(url.required && url.secret);
    let batch = ReportsDb::KEYS
        .iter()
        .find(|key| key.name == "REPORTS_BATCH")
        .unwrap();
    assert_eq!(
        (batch.ty, batch.default, batch.doc),
        ("u32", Some("500"), "Rows per batch.")
    );
    assert!(PgDb::env_example().contains("DATABASE_URL="));
}

#[test]
fn the_configuration_can_be_printed() {
    let config = url("postgres://app:hidden-word@localhost/app").unwrap();
    let text = format!("{config:?}");
    assert!(
        text.contains("pool_size: 5") && !text.contains("hidden-word"),
        "{text}"
    );
}

#[test]
fn with_seven_keys_wrong_at_once_one_error_lists_all_seven_by_full_name() {
    let error = ReportsDbConfig::from_vars(|key| match key {
        "REPORTS_URL" => Some("mysql://ada:hidden-word@host/app".into()),
        "REPORTS_ECHO" => Some("perhaps".into()),
        "REPORTS_POOL" => Some("0".into()),
        "REPORTS_DB_POOL_TIMEOUT" => Some("soon".into()),
        "REPORTS_DB_POOL_IDLE_TIMEOUT" => Some("2h".into()),
        "REPORTS_DB_STATEMENT_CACHE" => Some("-1".into()),
        // REPORTS_TARGET stays unset.
        _ => None,
    })
    .unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(Problem::key).collect();
    assert_eq!(
        keys,
        [
            "REPORTS_URL",
            "REPORTS_ECHO",
            "REPORTS_POOL",
            "REPORTS_DB_POOL_TIMEOUT",
            "REPORTS_DB_STATEMENT_CACHE",
            "REPORTS_TARGET",
            "REPORTS_DB_POOL_IDLE_TIMEOUT",
        ]
    );
    let text = message(error);
    assert!(text.contains("is wrong in 7 places"), "{text}");
    for key in keys_of(&text) {
        assert!(key.starts_with("REPORTS_"), "{text}");
    }
    assert_eq!(keys_of(&text).len(), 7, "{text}");
    assert!(!text.contains("hidden-word"), "{text}");
}

/// The first word of each list item.
fn keys_of(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("  - ")?.split(' ').next())
        .collect()
}

#[test]
fn sqlite_has_no_replica_and_no_parts() {
    let error = LiteDbConfig::from_vars(|key| match key {
        "DATABASE_URL" => Some("sqlite::memory:".into()),
        "DATABASE_REPLICA_URL" => Some("sqlite:hidden-word.db".into()),
        _ => None,
    });
    let text = message(error.unwrap_err());
    assert!(
        text.contains(
            "DATABASE_REPLICA_URL is malformed; expected no value: replicas are read on PostgreSQL alone, and this is SQLite"
        ),
        "{text}"
    );
    assert!(!text.contains("hidden-word"), "{text}");
    let parts = |key: &str| (key == "DB_HOST" || key == "DB_NAME").then(|| "app".to_owned());
    assert!(LiteDbConfig::from_vars(parts).is_err());
    assert!(PgDbConfig::from_vars(parts).is_ok());
}

#[test]
fn the_keys_and_the_example_show_the_parts_and_the_files() {
    for key in [
        "DATABASE_URL_FILE",
        "DATABASE_REPLICA_URL_FILE",
        "DB_HOST",
        "DB_PORT",
        "DB_USER",
        "DB_PASSWORD",
        "DB_PASSWORD_FILE",
        "DB_NAME",
    ] {
        assert!(PgDb::KEYS.iter().any(|known| known.name == key), "{key}");
        assert!(
            PgDb::env_example().contains(&format!("\n# {key}=\n")),
            "{key}"
        );
    }
    let example = PgDb::env_example();
    let groups: Vec<_> = example
        .lines()
        .filter(|line| line.starts_with("# ---- "))
        .collect();
    assert_eq!(
        groups,
        [
            "# ---- The database ----",
            "# ---- Reports ----",
            "# ---- The pool ----",
            "# ---- Statements ----"
        ]
    );
    // A key that is written out is the only one that is read.
    let names: Vec<_> = ReportsDb::KEYS.iter().map(|key| key.name).collect();
    assert!(names.contains(&"REPORTS_URL_FILE"), "{names:?}");
    assert!(!names.contains(&"REPORTS_DB_HOST"), "{names:?}");
}

#[test]
fn a_configuration_that_is_wrong_is_described_as_well() {
    let table = ReportsDbConfig::describe_vars(|key| match key {
        "REPORTS_URL" => Some("postgres://ada:hidden-word@host/app".into()),
        "REPORTS_POOL" => Some("many".into()),
        _ => None,
    });
    let rows: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in [
        "REPORTS_URL given [redacted]",
        "REPORTS_ECHO default true",
        "REPORTS_POOL given many WRONG: expected a whole number of at least 1, such as 5; found `many`",
        "max_overflow constant 0",
        "REPORTS_TARGET not set WRONG: not set; expected text",
        "2 things are wrong with it.",
    ] {
        assert!(rows.iter().any(|shown| shown == row), "{row} in {table}");
    }
    assert!(!table.contains("hidden-word"), "{table}");
}
