mod companion_keys;
mod cross_checks;

use std::time::Duration;

use super::dialect::Dialect;
use super::*;
use crate::config::SecretUrl;

const POSTGRES: Dialect = Dialect {
    name: "PostgreSQL",
    schemes: &["postgres", "postgresql"],
    check: |url| {
        if url.starts_with("postgres://") {
            Ok(())
        } else {
            Err("no URL".to_owned())
        }
    },
};

const KEYS: &[Key] = &[
    Key::new("DATABASE_URL", "url", "secret URL")
        .required()
        .secret(),
    Key::new("DATABASE_REPLICA_URL", "replica_url", "secret URL").secret(),
    Key::new("DB_ECHO", "echo", "bool").default("false"),
    Key::new("DB_POOL_SIZE", "pool_size", "u32").default("5"),
    Key::new("DB_POOL_TIMEOUT", "pool_timeout", "duration").default("30s"),
    Key::new("DB_SLOW_STATEMENT", "slow_statement", "duration").default("1s"),
    Key::new("BATCH", "batch", "u32").default("LIMIT"),
];

fn reader(vars: &'static [(&str, &str)]) -> Reader<'static> {
    Reader::from_vars("AppDb", KEYS, |name| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn message<T>(reader: Reader<'_>, value: Option<T>) -> String {
    reader
        .finish(|| value)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[test]
fn defaults_apply_when_nothing_is_set() {
    let mut reader = reader(&[]);
    assert_eq!(reader.read::<bool>("echo"), Some(false));
    assert_eq!(reader.size("pool_size"), Some(5));
    assert_eq!(
        reader.duration("pool_timeout"),
        Some(Duration::from_secs(30))
    );
    assert_eq!(
        reader.optional_duration("slow_statement"),
        Some(Some(Duration::from_secs(1)))
    );
    assert_eq!(reader.read_or("batch", || 7_u32), Some(7));
    assert!(matches!(
        reader.optional_url_in("replica_url", &POSTGRES),
        Some(None)
    ));
    assert!(reader.finish(|| Some(())).is_ok());
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let mut reader = reader(&[("DB_POOL_SIZE", ""), ("DATABASE_URL", " ")]);
    assert_eq!(reader.size("pool_size"), Some(5));
    let url = reader.url_in("url", &POSTGRES).map(|_| ());
    let message = message(reader, url);
    assert!(message.contains("DATABASE_URL is set but empty; expected a URL for PostgreSQL"));
    assert!(message.contains("postgres://user:password@localhost/app"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut reader = reader(&[
        ("DB_ECHO", "maybe"),
        ("DB_POOL_SIZE", "0"),
        ("DB_POOL_TIMEOUT", "0s"),
        ("BATCH", "x"),
    ]);
    let (_, _, _) = (
        reader.url_in("url", &POSTGRES),
        reader.read::<bool>("echo"),
        reader.size("pool_size"),
    );
    let (_, _) = (
        reader.duration("pool_timeout"),
        reader.read_or("batch", || 1_u32),
    );
    let message = message(reader, Some(()));
    for part in [
        "DATABASE_URL is not set",
        "DB_ECHO is malformed; expected a boolean",
        "found `maybe`",
        "DB_POOL_SIZE is malformed; expected a whole number of at least 1",
        "DB_POOL_TIMEOUT is malformed",
        "BATCH is malformed",
        "in 5 places",
    ] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn another_backends_scheme_is_named_and_nothing_else_of_the_url() {
    let mut reader = reader(&[("DATABASE_URL", "mysql://ada:hunter2@secret.host/db")]);
    let url = reader.url_in("url", &POSTGRES).map(|_| ());
    let message = message(reader, url);
    assert!(message.contains("found the scheme `mysql`"), "{message}");
    for part in ["ada", "hunter2", "secret.host", "/db"] {
        assert!(!message.contains(part), "{message}");
    }
}

#[test]
fn a_malformed_url_is_never_shown() {
    let mut reader = reader(&[
        ("DATABASE_URL", "hunter2"),
        ("DATABASE_REPLICA_URL", "ada:hunter2@h"),
    ]);
    let _ = (
        reader.url_in("url", &POSTGRES),
        reader.optional_url_in("replica_url", &POSTGRES),
    );
    let printed = format!("{reader:?}");
    let message = message(reader, Some(()));
    assert!(message.contains("DATABASE_REPLICA_URL"), "{message}");
    assert!(
        !message.contains("hunter2") && !printed.contains("hunter2"),
        "{message}"
    );
}

#[test]
fn slow_statement_can_be_turned_off() {
    for text in ["off", "none", "OFF"] {
        let mut reader = Reader::from_vars("AppDb", KEYS, |_| Some(text.to_owned()));
        assert_eq!(reader.optional_duration("slow_statement"), Some(None));
    }
}
