//! No state of a session on SQLite reaches the next borrower, on any way to run SQL.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, Session};
use session_factory_tests::{AppError, LiteBed, LiteDb, LiteDbConfig};

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn ask(factory: &Factory<LiteDb>, sql: &'static str) -> String {
    let body = async move |db: &mut Session<LiteDb>| {
        let sql = format!("SELECT cast(({sql}) AS text) AS value");
        let value: Value = diesel::sql_query(sql).get_result(db).await?;
        Ok::<_, AppError>(value.value)
    };
    factory.with_session(body).await.unwrap()
}

const TEMPORARY: &str = "SELECT count(*) FROM sqlite_temp_master";
const ATTACHED: &str = "SELECT count(*) FROM pragma_database_list WHERE name = 'other'";

/// A session's change, and the query with which the next session would see it.
const CHANGES: [(&str, &str); 21] = [
    (
        ";/**/-- a\n\x0cpragma\x0ccache_size(77)",
        "SELECT cache_size FROM pragma_cache_size",
    ),
    ("\u{feff}CREATE TEMP VIEW v AS SELECT 1", TEMPORARY),
    ("/* c */ATTACH DATABASE'' AS other", ATTACHED),
    ("CREATE TABLE 'temp'.b AS SELECT 1 AS a; -- c", TEMPORARY),
    ("CREATE TEMP TABLE trigger (a); SELECT ';'", TEMPORARY),
    ("CREATE TEMP TABLE secrets AS SELECT 1 AS a", TEMPORARY),
    ("CREATE TABLE temp.secrets AS SELECT 1 AS a", TEMPORARY),
    (
        "CREATE TABLE IF NOT EXISTS \"temp\" . secrets (a)",
        TEMPORARY,
    ),
    ("CREATE VIEW [TEMP].v AS SELECT 1", TEMPORARY),
    (
        "CREATE TRIGGER `temp`.t AFTER INSERT ON items BEGIN DELETE FROM items; END",
        TEMPORARY,
    ),
    (
        "CREATE TEMP TABLE a (b); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
        TEMPORARY,
    ),
    ("COMMIT; ATTACH ':memory:' AS other", ATTACHED),
    (
        "COMMIT; PRAGMA synchronous = OFF",
        "SELECT synchronous FROM pragma_synchronous",
    ),
    (
        "PRAGMA locking_mode = EXCLUSIVE",
        "SELECT locking_mode FROM pragma_locking_mode",
    ),
    (
        "PRAGMA ignore_check_constraints = ON",
        "SELECT ignore_check_constraints FROM pragma_ignore_check_constraints",
    ),
    ("PRAGMA case_sensitive_like = ON", "SELECT 'a' LIKE 'A'"),
    (
        "PRAGMA cache_size = 77",
        "SELECT cache_size FROM pragma_cache_size",
    ),
    (
        "COMMIT; PRAGMA foreign_keys = OFF",
        "SELECT foreign_keys FROM pragma_foreign_keys",
    ),
    (
        "PRAGMA busy_timeout = 1",
        "SELECT timeout FROM pragma_busy_timeout",
    ),
    (
        "PRAGMA recursive_triggers = ON",
        "SELECT recursive_triggers FROM pragma_recursive_triggers",
    ),
    (
        "EXPLAIN SELECT 1; PRAGMA query_only = ON",
        "SELECT query_only FROM pragma_query_only",
    ),
];

async fn assert_nothing_leaks(factory: &Factory<LiteDb>) {
    for raw in [false, true] {
        for (change, seen_by) in CHANGES {
            let before = ask(factory, seen_by).await;
            let body = async move |db: &mut Session<LiteDb>| {
                if raw {
                    db.connection().await?.batch_execute(change).await?;
                } else {
                    db.batch_execute(change).await?;
                }
                Ok::<_, AppError>(())
            };
            let done = factory.with_session(body).await;
            let says_so = change.starts_with("COMMIT") && done.is_err();
            assert!(done.is_ok() || says_so, "raw: {raw}, {change}: {done:?}");
            assert_eq!(ask(factory, seen_by).await, before, "raw: {raw}, {change}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_session_on_a_file_reaches_the_next() {
    let bed = LiteBed::one_connection().await;
    assert_nothing_leaks(&bed.factory).await;
}

#[tokio::test]
async fn a_database_in_memory_survives_and_is_tidied() {
    let config =
        LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let factory: Factory<LiteDb> = Factory::new(config.unwrap());
    let make = async |db: &mut Session<LiteDb>| {
        db.batch_execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        Ok::<_, AppError>(())
    };
    factory.with_session(make).await.unwrap();
    assert_nothing_leaks(&factory).await;
    assert_eq!(ask(&factory, "SELECT count(*) FROM items").await, "0");
}

#[tokio::test]
async fn a_temporary_trigger_of_one_session_deletes_nothing_of_the_next() {
    let bed = LiteBed::with(|config| config.pool_size = 1).await;
    let leak = async |db: &mut Session<LiteDb>| {
        db.batch_execute(
            "CREATE TRIGGER temp.t AFTER INSERT ON items BEGIN DELETE FROM items; END",
        )
        .await?;
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(leak).await.unwrap();
    let insert = async |db: &mut Session<LiteDb>| {
        db.batch_execute("INSERT INTO items VALUES (1, 'a')")
            .await?;
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(insert).await.unwrap();
    assert_eq!(bed.count().await, 1);
}
