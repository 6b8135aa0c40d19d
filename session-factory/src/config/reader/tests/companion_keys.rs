//! Files, and the parts of a URL.

use std::fs;

use super::*;
use crate::config::Part;

const KEYS: &[Key] = &[
    Key::new("DATABASE_URL", "url", "secret URL")
        .required()
        .secret(),
    Key::new("DATABASE_URL_FILE", "url", "path").part(Part::File),
    Key::new("DB_HOST", "url", "host").part(Part::Host),
    Key::new("DB_PORT", "url", "port").part(Part::Port),
    Key::new("DB_USER", "url", "text").part(Part::User),
    Key::new("DB_PASSWORD", "url", "secret text")
        .part(Part::Password)
        .secret(),
    Key::new("DB_PASSWORD_FILE", "url", "path").part(Part::PasswordFile),
    Key::new("DB_NAME", "url", "text").part(Part::Database),
];

/// Returns the URL or the error message, and the table in both cases.
fn url(vars: &[(&str, &str)]) -> (Result<String, String>, String) {
    let mut reader = Reader::from_vars("AppDb", KEYS, |name| {
        vars.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    });
    let url = reader.url_in("url", &POSTGRES);
    let table = reader.describe();
    let result = reader
        .finish(|| url)
        .map(|url| url.expose().to_owned())
        .map_err(|error| error.to_string());
    (result, table)
}

fn mistake(vars: &[(&str, &str)]) -> String {
    let (result, table) = url(vars);
    let message = result.expect_err("it is wrong");
    for text in [&message, &table] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    message
}

#[test]
fn parts_make_a_url_whatever_is_in_them() {
    let whole = [
        ("DB_HOST", "db.internal"),
        ("DB_PORT", "5433"),
        ("DB_USER", "ada@home"),
        ("DB_PASSWORD", "p@ss:w/rd?#%€ "),
        ("DB_NAME", "my app"),
    ];
    assert_eq!(
        url(&whole).0.as_deref(),
        Ok("postgres://ada%40home:p%40ss%3Aw%2Frd%3F%23%25%E2%82%AC@db.internal:5433/my%20app")
    );
    let few = [("DB_HOST", "::1"), ("DB_NAME", "app")];
    assert_eq!(url(&few).0.as_deref(), Ok("postgres://[::1]/app"));
    let socket = [("DB_HOST", "/run/pg"), ("DB_NAME", "app"), ("DB_USER", "u")];
    assert_eq!(
        url(&socket).0.as_deref(),
        Ok("postgres://u@%2Frun%2Fpg/app")
    );
    let two = [("DB_HOST", "a, b"), ("DB_NAME", "app"), ("DB_PORT", "1")];
    assert_eq!(url(&two).0.as_deref(), Ok("postgres://a:1,b:1/app"));
}

#[test]
fn a_part_that_is_wrong_or_missing_is_named() {
    let message = mistake(&[
        ("DB_HOST", "postgres://ada:hunter2@h"),
        ("DB_PORT", "70000"),
        ("DB_PASSWORD", "hunter2"),
    ]);
    for part in [
        "DB_HOST is malformed; expected a host name",
        "DB_PORT is malformed; expected a port: a whole number from 1 to 65535; found a value that is none (not shown)",
        "DB_USER is not set; expected the user of the password",
        "DB_NAME is not set; expected the name of the database: other parts are set, and DATABASE_URL is not",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let message = mistake(&[("DB_NAME", "app")]);
    assert!(message.contains("DB_HOST is not set"), "{message}");
}

#[test]
fn what_may_be_set_is_said_when_nothing_is() {
    let message = mistake(&[]);
    assert!(
        message.contains("(or set DATABASE_URL_FILE, or the parts: DB_HOST, DB_NAME and so on)"),
        "{message}"
    );
}

#[test]
fn a_url_is_complete_and_the_parts_beside_it_are_said_to_do_nothing() {
    let (result, table) = url(&[
        ("DATABASE_URL", "postgres://h/d"),
        ("DB_HOST", "other"),
        ("DB_PASSWORD", "hunter2"),
    ]);
    assert_eq!(result.as_deref(), Ok("postgres://h/d"));
    assert!(
        table.contains("other       not used: DATABASE_URL is set"),
        "{table}"
    );
    assert!(!table.contains("hunter2"), "{table}");
}

#[test]
fn secrets_come_from_files_without_their_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = path("url", "postgres://ada:hunter2@h/d\r\n");
    let (result, table) = url(&[("DATABASE_URL_FILE", &whole)]);
    assert_eq!(result.as_deref(), Ok("postgres://ada:hunter2@h/d"));
    assert!(
        table.contains("DATABASE_URL       file         [redacted]")
            || table.contains("DATABASE_URL       file     [redacted]"),
        "{table}"
    );
    assert!(!table.contains("hunter2"), "{table}");
    let password = path("password", " two words\n\n");
    let parts = [
        ("DB_HOST", "h"),
        ("DB_NAME", "d"),
        ("DB_USER", "u"),
        ("DB_PASSWORD_FILE", password.as_str()),
    ];
    assert_eq!(
        url(&parts).0.as_deref(),
        Ok("postgres://u:%20two%20words%0A@h/d")
    );
    let empty = path("empty", "\n");
    let message = mistake(&[("DATABASE_URL_FILE", &empty)]);
    assert!(
        message.contains("DATABASE_URL_FILE is malformed"),
        "{message}"
    );
    assert!(message.contains("found an empty file"), "{message}");
    let wrong = path("wrong", "hunter2");
    let message = mistake(&[("DATABASE_URL_FILE", &wrong)]);
    assert!(
        message.contains("DATABASE_URL_FILE is malformed; expected a URL"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_not_there_is_told_without_its_path() {
    // The variable for the file's path holds the password itself.
    let message = mistake(&[
        ("DB_HOST", "h"),
        ("DB_NAME", "d"),
        ("DB_USER", "u"),
        ("DB_PASSWORD_FILE", "hunter2"),
    ]);
    assert!(
        message.contains("DB_PASSWORD_FILE is malformed"),
        "{message}"
    );
    assert!(
        message.contains("cannot be read (entity not found)"),
        "{message}"
    );
}

#[test]
fn a_value_and_its_file_are_one_too_many() {
    let message = mistake(&[
        ("DATABASE_URL", "postgres://hunter2"),
        ("DATABASE_URL_FILE", "/x"),
    ]);
    assert!(
        message.contains("DATABASE_URL and DATABASE_URL_FILE are both set; expected one of them"),
        "{message}"
    );
    let message = mistake(&[
        ("DB_HOST", "h"),
        ("DB_NAME", "d"),
        ("DB_USER", "u"),
        ("DB_PASSWORD", "hunter2"),
        ("DB_PASSWORD_FILE", "/x"),
    ]);
    assert!(
        message.contains("DB_PASSWORD and DB_PASSWORD_FILE are both set"),
        "{message}"
    );
}
