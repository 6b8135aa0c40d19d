//! An error about a URL prints known names, and no piece of the user's text. `cargo xtask fuzz
//! --urls` tries for longer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use session_factory::config::ConfigError;
use session_factory::{Factory, SessionFactory};
use session_factory_tests::{LiteDb, LiteDbConfig, MyDb, MyDbConfig, PgDb, PgDbConfig};

/// A part of every password, which may end up anywhere if a URL is cut in the wrong place.
const SECRET: &str = "Zq7wXk9vR2pL";

/// Calls `from_vars` of each backend, with the URL only.
macro_rules! with_url {
    ($config:ident, $url:expr) => {
        $config::from_vars(|key| (key == "DATABASE_URL").then(|| $url.replace("{}", SECRET)))
    };
}

fn is_silent(url: &str, said: &str) {
    for piece in SECRET.as_bytes().windows(4) {
        let piece = std::str::from_utf8(piece).unwrap();
        assert!(!said.contains(piece), "{url}: {piece} is in {said}");
    }
}

fn refused(url: &str, config: Result<(), ConfigError>, says: &str) {
    let error = config.expect_err(url);
    let said = format!("{error} {error:?}");
    is_silent(url, &said);
    assert!(said.contains(says), "{url}: {says} is not in {said}");
}

async fn unreachable<F: SessionFactory>(url: &str, factory: Factory<F>, says: &str) {
    let error = factory.init().await.expect_err(url);
    let mut said = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        write!(said, " {error} {error:?}").unwrap();
        source = error.source();
    }
    is_silent(url, &said);
    assert!(said.contains(says), "{url}: {says} is not in {said}");
}

#[test]
fn a_url_that_is_cut_in_the_wrong_place_is_told_by_known_names_alone() {
    for (url, says) in [
        (
            "postgres://db/app?user=ada&password{}=x",
            "one of its parameters is not known: did you mean `password`?",
        ),
        (
            "host=db user=ada password['{}'[dbname=app",
            "did you mean `password`?",
        ),
        (
            "postgres://h/d?sslmode{}=require",
            "did you mean `sslmode`?",
        ),
        (
            "postgres://h/d?sslmode=verify-full{}",
            "did you mean `verify-full`?",
        ),
        (
            "postgre://ada:{}@h/d",
            "another scheme: did you mean `postgres`?",
        ),
        ("{}://ada@h/d", "it is not a PostgreSQL URL"),
        ("mysql+{}://ada@h/d", "the scheme `mysql`"),
        ("postgres://ada:x@h:{}/d", "its port is not a number"),
        (
            "postgres://ada:x@h/d?connect_timeout={}",
            "its connect_timeout is not a whole number",
        ),
        (
            "postgres://ada:x@h/d%ff{}",
            "its dbname: the percent-encoded bytes are not UTF-8",
        ),
    ] {
        refused(url, with_url!(PgDbConfig, url).map(drop), says);
    }
    for (url, says) in [
        (
            "mysql://ada:x@h/d?password{}=x",
            "one of its options is not known",
        ),
        ("mysql://ada:x@h/d?charset{}=x", "did you mean `charset`?"),
        ("mysql://ada:x@h/d?ssl{}=1", "it asks for TLS"),
        ("mysql://ada@h:{}/d", "its port is not valid"),
        ("postgres://ada:{}@h/d", "the scheme `postgres`"),
    ] {
        refused(url, with_url!(MyDbConfig, url).map(drop), says);
    }
    let url = "{}://ada@h/app.db";
    refused(
        url,
        with_url!(LiteDbConfig, url).map(drop),
        "its scheme is not sqlite",
    );
}

#[test]
fn a_part_that_is_no_part_of_a_url_is_not_shown() {
    for (key, value, says) in [
        ("DB_HOST", "ada:{}:db", "DB_HOST is malformed"),
        ("DB_HOST", "/nowhere{}x'", ""),
        ("DB_PORT", "{}", "DB_PORT is malformed"),
        ("DB_USER", "ada:{}", ""),
        ("DB_NAME", "app?password={}", ""),
    ] {
        let vars = |name: &str| match name {
            name if name == key => Some(value.replace("{}", SECRET)),
            "DB_HOST" => Some("localhost".to_owned()),
            "DB_USER" => Some("ada".to_owned()),
            "DB_NAME" => Some("app".to_owned()),
            _ => None,
        };
        let mut reader = session_factory::config::Reader::from_vars("PgDb", PgDb::KEYS, vars);
        let url = reader.url::<session_factory::driver::Postgres>("url");
        is_silent(value, &reader.describe());
        match reader.finish(|| url) {
            Ok(url) => is_silent(value, &format!("{url:?} {url}")),
            Err(error) => {
                is_silent(value, &format!("{error} {error:?}"));
                assert!(error.to_string().contains(says), "{error}");
            }
        }
    }
    // A connection string under another name.
    let config = PgDbConfig::from_vars(|key| match key {
        "DATABASE_URL" => Some("postgres://h/d".to_owned()),
        "DB_POOL_SIZE" => Some(format!("host=db password={SECRET}")),
        _ => None,
    });
    refused(
        "DB_POOL_SIZE",
        config.map(drop),
        "looks like a URL (not shown, it may hold a password)",
    );
}

#[tokio::test]
async fn a_connect_error_names_what_is_there_and_nothing_else_of_the_url() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display();
    for (url, says) in [
        (
            "postgres://ada@{}.invalid/app",
            "the host of the URL is not known",
        ),
        (
            "postgres://ada@127.0.0.1:1,{}.invalid/app",
            "host 2 of the 2 in the URL is not known",
        ),
        (
            "postgres:///app?host=/nowhere/{}",
            "the socket folder that its URL names (it is not there), port 5432",
        ),
    ] {
        let config = with_url!(PgDbConfig, url).unwrap();
        unreachable(url, Factory::<PgDb>::new(config), says).await;
    }
    for (url, says) in [
        (
            "mysql://ada@{}.invalid/app",
            "the host of the URL is not known",
        ),
        (
            "mysql://ada@h/app?socket=/nowhere/{}",
            "MySQL at the socket that its URL names cannot be reached",
        ),
    ] {
        let config = with_url!(MyDbConfig, url).unwrap();
        unreachable(url, Factory::<MyDb>::new(config), says).await;
    }
    // SQLAlchemy's SQLCipher, and a server's URL of which only the scheme was changed.
    for (url, says) in [
        (
            String::from("sqlite://ada:{}@host/app.db"),
            "does not exist: create it first",
        ),
        (format!("sqlite:{folder}?key={{}}"), "SQLite cannot open"),
        (
            format!("file:{folder}/app.db?vfs={{}}"),
            "SQLite cannot open the file that the URL names, in /",
        ),
        (
            format!("file:{folder}/app.db?mode={{}}"),
            "SQLite cannot open the file that the URL names, in /",
        ),
        (
            format!("file:{folder}/app.db?cache={{}}"),
            "SQLite cannot open the file that the URL names, in /",
        ),
        (format!("file://{{}}{folder}/app.db"), ""),
    ] {
        let config = with_url!(LiteDbConfig, url).unwrap();
        unreachable(&url, Factory::<LiteDb>::new(config), says).await;
    }
}
