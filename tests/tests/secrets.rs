//! No secret is in the program or in its output.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use session_factory_tests::project::{Built, Project};
use testbed::postgres::database;

/// A part of each secret, in every environment.
const MARK: &str = "tH1s-is-the-m4rk";

/// A way to fail: its description, the argument, the variables, and the expected output.
type Way<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

/// All output of the program.
fn said(built: &Built, way: &str, folder: &tempfile::TempDir, set: &[(&str, &str)]) -> String {
    let output = built
        .command()
        .arg(way)
        .current_dir(folder.path())
        .env("RUST_BACKTRACE", "full")
        .env_remove("DATABASE_URL")
        .env("TOKEN", MARK)
        .envs(set.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn the_secret_mark_is_nowhere() {
    let database = database().await;
    let address = database.endpoint().address();
    let name = database.name();
    // The server does not check this user's password.
    let right = format!("postgres://app:{MARK}@{address}/{name}");

    let project = Project::new("secret-mark", include_str!("../fixtures/secret_mark.rs"));
    let built = project.build(&[
        ("DATABASE_URL", right.as_str()),
        ("DATABASE_REPLICA_URL", &right),
        ("DB_PASSWORD", MARK),
        ("TOKEN", MARK),
    ]);
    assert!(built.succeeded, "{}", built.said);
    let program = fs::read(&built.program).unwrap();
    let count = |needle: &str| {
        let found = program.windows(needle.len());
        found.filter(|bytes| *bytes == needle.as_bytes()).count()
    };
    assert!(
        count("DATABASE_REPLICA_URL") > 0,
        "the search finds what is there"
    );
    assert_eq!(count(MARK), 0, "in the program");

    let folder = tempfile::tempdir().unwrap();
    let broken = format!("TOKEN=x\nmy {MARK} is not to be read\nDATABASE_URL='{MARK}\n");
    fs::write(folder.path().join(".env"), broken).unwrap();
    let malformed = format!("postgres://{name}:{MARK}@localhost:port/{name}?sslmode={MARK}");
    let other_backend = format!("mysql://{name}:{MARK}@localhost/{name}");
    let unreachable = format!("postgres://{name}:{MARK}@127.0.0.1:1/{name}");
    let refused = database.url_with_password(MARK);
    let no_database = format!("postgres://app:{MARK}@{address}/{name}_not_there");
    let json = format!(r#"{{ "url": "{malformed}", "token": "{MARK}", "batch": "{right}" }}"#);
    let no_map = format!(r#""{right}""#);
    let list = format!(r#"{{ "url": ["{right}"], "token": {{ "x": "{MARK}" }} }}"#);
    let ways: [Way<'_>; 20] = [
        (
            "a malformed URL",
            "init",
            &[("DATABASE_URL", &malformed)],
            "DATABASE_URL is malformed",
        ),
        (
            "another backend",
            "init",
            &[("DATABASE_URL", &other_backend)],
            "`mysql`",
        ),
        (
            "no URL",
            "init",
            &[("DATABASE_URL", MARK)],
            "DATABASE_URL is malformed",
        ),
        (
            "a URL under another name",
            "init",
            &[("BATCH", &right)],
            "BATCH is malformed",
        ),
        (
            "a host that refuses",
            "init",
            &[("DATABASE_URL", &unreachable)],
            "refused",
        ),
        (
            "the same in use",
            "use",
            &[("DATABASE_URL", &unreachable)],
            "refused",
        ),
        (
            "the same unwrapped",
            "unwrap",
            &[("DATABASE_URL", &unreachable)],
            "panicked",
        ),
        (
            "a wrong password",
            "init",
            &[("DATABASE_URL", &refused)],
            "password",
        ),
        (
            "no such database",
            "init",
            &[("DATABASE_URL", &no_database)],
            "_not_there",
        ),
        (
            "the table",
            "describe",
            &[("DATABASE_URL", &right)],
            "[redacted]",
        ),
        (
            "the table, when it is wrong",
            "describe",
            &[("DATABASE_URL", &malformed)],
            "WRONG",
        ),
        (
            "Debug and Display",
            "config",
            &[("DATABASE_URL", &right)],
            "[redacted]",
        ),
        (
            "a panic",
            "panic",
            &[("DATABASE_URL", &right)],
            "with all that it has",
        ),
        (
            "echo, tracing and a failing statement",
            "work",
            &[("DATABASE_URL", &right), ("DB_ECHO", "on")],
            "SELECT nothing FROM nowhere",
        ),
        (
            "a broken .env",
            "init_from_dotenv",
            &[],
            ".env, line 2 is malformed",
        ),
        (
            "parts",
            "init",
            &[("DB_PASSWORD", MARK), ("DB_PORT", "x"), ("DB_HOST", &right)],
            "DB_HOST is malformed",
        ),
        (
            "a password in place of its file",
            "describe",
            &[
                ("DB_HOST", "h"),
                ("DB_NAME", "d"),
                ("DB_PASSWORD_FILE", MARK),
            ],
            "DB_PASSWORD_FILE",
        ),
        (
            "serde, with values that are wrong",
            "serde",
            &[("JSON", &json)],
            "url is malformed",
        ),
        (
            "serde, with no map",
            "serde",
            &[("JSON", &no_map)],
            "expected a map",
        ),
        (
            "serde, with a list",
            "serde",
            &[("JSON", &list)],
            "expected a text",
        ),
    ];
    for (name, way, set, shows) in ways {
        let said = said(&built, way, &folder, set);
        assert!(said.contains(shows), "{name}: {shows} is not in {said}");
        assert_eq!(said.matches(MARK).count(), 0, "{name}: {said}");
    }
}
