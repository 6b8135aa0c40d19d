//! The advice in an error helps.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use session_factory::SessionError;
use session_factory_tests::{AppError, LiteBed, PgBed};

/// The call's error if its body ignores the statement's error.
async fn swallowed(bed: &PgBed, sql: &str) -> session_factory::Aborted {
    let result = bed.factory.with_session(async |db| {
        let _swallowed = db.batch_execute(sql).await;
        Ok::<_, AppError>(())
    });
    match result.await {
        Err(AppError::Session(SessionError::Aborted(aborted))) => aborted,
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn a_statement_that_no_transaction_may_contain_is_advised_a_connection_of_its_own() {
    let bed = PgBed::new().await;
    let url = bed.database.url();
    let mut outside = AsyncPgConnection::establish(&url).await.unwrap();
    outside
        .batch_execute(
            "CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; \
             CREATE INDEX by_name ON items (name)",
        )
        .await
        .unwrap();
    let created = format!("{}_other", bed.database.name());
    for (sql, sqlstate) in [
        ("VACUUM items", "25001"),
        ("REINDEX TABLE CONCURRENTLY items", "25001"),
        ("DROP INDEX CONCURRENTLY by_name", "25001"),
        ("CREATE INDEX CONCURRENTLY again ON items (name)", "25001"),
        (&format!("CREATE DATABASE {created}"), "25001"),
        (&format!("DROP DATABASE {created}"), "25001"),
        ("CALL commits()", "2D000"),
    ] {
        let aborted = swallowed(&bed, sql).await;
        assert_eq!(
            aborted.statement().unwrap().sqlstate(),
            Some(sqlstate),
            "{sql}"
        );
        let text = aborted.to_string();
        assert!(
            text.contains("run them on a connection of their own (AsyncPgConnection::establish)"),
            "{text}"
        );
        assert!(!text.contains("savepoint"), "{text}");
        // The advice works.
        outside.batch_execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn a_savepoint_is_advised_where_it_helps_and_helps_there() {
    let bed = PgBed::new().await;
    let text = swallowed(&bed, "SELECT 1/0").await.to_string();
    assert!(
        text.contains("run the statement inside db.savepoint(…)"),
        "{text}"
    );
    bed.factory
        .with_session(async |db| {
            let inner = db.savepoint(async |db| {
                db.batch_execute("SELECT 1/0").await?;
                Ok::<_, AppError>(())
            });
            inner.await.unwrap_err();
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    for (sql, advice) in [
        (
            "DO 'BEGIN RAISE EXCEPTION ''conflict'' USING ERRCODE = ''40001''; END'",
            "so that `retry` runs the whole call again",
        ),
        (
            "SET TRANSACTION READ ONLY; CREATE TABLE t ()",
            "a session that writes is not read_only",
        ),
    ] {
        let text = swallowed(&bed, sql).await.to_string();
        assert!(text.contains(advice), "{text}");
        assert!(!text.contains("savepoint"), "{text}");
    }
    let mut outside = AsyncPgConnection::establish(&bed.database.url())
        .await
        .unwrap();
    let created = outside.batch_execute("CREATE TYPE mood AS ENUM ('ok')");
    created.await.unwrap();
    let unsafe_value = "ALTER TYPE mood ADD VALUE 'good'; SELECT 'good'::mood";
    let text = swallowed(&bed, unsafe_value).await.to_string();
    assert!(text.contains("add it in a session of its own"), "{text}");
}

#[tokio::test]
async fn what_another_attempt_cannot_heal_is_not_repeated() {
    let bed = PgBed::new().await;
    for sql in [
        "VACUUM items",
        "SELECT 1/0",
        "SELECT * FROM nosuch",
        "LISTEN x; CALL nosuch()",
    ] {
        let attempts = AtomicU32::new(0);
        let result = bed.factory.session().retry(5).run(async |db| {
            attempts.fetch_add(1, Ordering::Relaxed);
            db.batch_execute(sql).await?;
            Ok::<_, SessionError>(())
        });
        let error = result.await.unwrap_err();
        assert!(!error.is_transient(), "{sql}: {error}");
        assert_eq!(attempts.into_inner(), 1, "{sql}");
    }
}

#[tokio::test]
async fn on_sqlite_too_what_no_transaction_may_contain_runs_on_a_connection_of_its_own() {
    let bed = LiteBed::new().await;
    let attempts = AtomicU32::new(0);
    let result = bed.factory.session().retry(5).run(async |db| {
        attempts.fetch_add(1, Ordering::Relaxed);
        db.batch_execute("VACUUM").await?;
        Ok::<_, SessionError>(())
    });
    let error = result.await.unwrap_err();
    assert!(
        error.to_string().contains("within a transaction"),
        "{error}"
    );
    assert_eq!(attempts.into_inner(), 1);
    let path = bed.database.path().display().to_string();
    let mut outside = diesel::SqliteConnection::establish(&path).unwrap();
    // The session's connection may still be ending its transaction, so wait for it.
    outside
        .batch_execute("PRAGMA busy_timeout = 60000; VACUUM")
        .unwrap();
}
