//! `DB_ECHO` shows each statement with its binds, its time and its outcome.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory_tests::{AppError, PgBed, items, without_token};

fn one_call(url: &str, echo: &str) -> String {
    shown(url, "one-call", echo)
}

fn shown(url: &str, mode: &str, echo: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg(mode)
        .env("DATABASE_URL", url)
        .env("DB_ECHO", echo)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn each_statement_is_shown_with_binds_outcome_and_time() {
    let bed = PgBed::new().await;
    let url = bed.database.url();
    let shown = one_call(&url, "true");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(
        lines[0].starts_with("[PgDb insert] BEGIN -- ok, "),
        "{shown}"
    );
    let lines = &lines[1..];
    assert!(
        lines[0].starts_with("[PgDb insert] INSERT INTO \"items\""),
        "{shown}"
    );
    assert!(lines[0].contains("binds: [1, \"global\"]"), "{shown}");
    assert!(lines[0].contains("-- 1 row, "), "{shown}");
    assert!(lines[0].ends_with(" ms"), "{shown}");
    assert!(
        lines[1].starts_with("[PgDb insert] COMMIT -- committed, "),
        "{shown}"
    );
    // The second run fails, and the echo shows it.
    let shown = one_call(&url, "yes");
    assert!(shown.contains("error: duplicate key"), "{shown}");
    assert!(shown.contains("ROLLBACK -- "), "{shown}");
}

#[tokio::test]
async fn a_refused_commit_is_shown_with_the_reason() {
    let bed = PgBed::new().await;
    bed.run(
        "CREATE TABLE children (item INTEGER REFERENCES items DEFERRABLE INITIALLY DEFERRED); \
         GRANT ALL ON children TO public",
    )
    .await;
    let shown = shown(&bed.database.url(), "refused", "true");
    let refused =
        "COMMIT -- refused: insert or update on table \"children\" violates foreign key constraint";
    assert!(shown.contains(refused), "{shown}");
    assert!(shown.contains("[SQLSTATE 23503]"), "{shown}");
}

#[tokio::test]
async fn what_users_and_the_server_write_forges_no_line() {
    let bed = PgBed::new().await;
    let shown = shown(&bed.database.url(), "forge", "true");
    let controls = |c: char| c != '\n' && c.is_control() || matches!(c, '\u{2028}'..='\u{202e}');
    assert!(!shown.contains(controls), "{shown:?}");
    for line in shown.lines() {
        assert!(line.starts_with("[PgDb "), "{line}");
        assert!(!line.starts_with("[PgDb forged]"), "{line}");
        assert!(line.ends_with(" ms"), "{line}");
    }
    for part in [
        // A bind, an SQL text, and the server's error.
        r#"binds: [1, "x\n[PgDb forged]"#,
        r"SELECT 'x\n[PgDb forged] COMMIT -- committed, 0.1 ms\r\u{1b}[2K\u{2028}\u{202e}'\n FROM items",
        r#"error: invalid input syntax for type integer: "x\n[PgDb forged]"#,
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[tokio::test]
async fn the_transaction_and_its_savepoints_are_shown_once_each_and_in_order() {
    let bed = PgBed::new().await;
    let shown = without_token(&shown(&bed.database.url(), "savepoints", "true"));
    let expected = [
        "BEGIN -- ok",
        "SAVEPOINT session_factory_1 -- ok",
        "INSERT INTO \"items\"",
        "RELEASE SAVEPOINT session_factory_1 -- ok",
        "SAVEPOINT session_factory_1 -- ok",
        "INSERT INTO \"items\"",
        "ROLLBACK TO SAVEPOINT session_factory_1; RELEASE SAVEPOINT session_factory_1 -- ok",
        "INSERT INTO \"items\"",
        "ROLLBACK -- rolled back",
    ];
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{shown}");
    for (line, expected) in lines.iter().zip(expected) {
        let expected = format!("[PgDb savepoints] {expected}");
        assert!(line.starts_with(&expected), "{line}\n{expected}");
    }
}

#[tokio::test]
async fn nothing_is_shown_unless_asked_for() {
    let bed = PgBed::new().await;
    assert_eq!(one_call(&bed.database.url(), "false"), "");
}

#[derive(AsChangeset)]
#[diesel(table_name = items)]
struct Changes {
    name: Option<String>,
}

#[tokio::test]
async fn a_query_that_cannot_be_built_gives_its_error_with_the_echo_as_without() {
    for echo in [false, true] {
        let bed = PgBed::with(|config| config.echo = echo).await;
        let changed = bed.factory.with_session(async |db| {
            let nothing = Changes { name: None };
            diesel::update(items::table.find(1))
                .set(nothing)
                .execute(db)
                .await?;
            Ok::<_, AppError>(())
        });
        let error = changed.await.unwrap_err();
        assert!(
            matches!(
                error,
                AppError::Query(diesel::result::Error::QueryBuilderError(_))
            ),
            "{error:?}"
        );
    }
}
