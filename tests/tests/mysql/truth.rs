//! `Ok` means committed: what the server answers decides, not what was sent.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, MyBed, MyDb, items};
use testbed::proxy::{Action, Cut, Direction};

use super::{assert_answers_are_right, insert, one_connection, quiet};

fn aborted(result: Result<(), AppError>) -> session_factory::Aborted {
    match result {
        Err(AppError::Session(SessionError::Aborted(aborted))) => aborted,
        other => panic!("expected Aborted, got {other:?}"),
    }
}

/// Runs a body that ends in `Err`.
async fn refused(bed: &MyBed, body: &'static [&'static str]) {
    let result = bed
        .factory
        .with_session(async |db| {
            for sql in body {
                let _swallowed = db.batch_execute(sql).await;
            }
            Err::<(), _>(AppError::Refused("rolled back"))
        })
        .await;
    assert!(matches!(result, Err(AppError::Refused(_))), "{result:?}");
    assert_answers_are_right(bed).await;
}

#[tokio::test]
async fn a_swallowed_error_leaves_the_rest_of_the_transaction() {
    let bed = MyBed::new().await;
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            insert(db, 1).await.unwrap_err();
            insert(db, 2).await
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn an_error_in_mid_stream_is_told_and_spoils_no_later_answer() {
    let bed = one_connection().await;
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let query = "(SELECT seq FROM seq_1_to_2 WHERE seq <= 1 + (a.seq > 50000)) FROM seq_1_to_60000 a";
            let mut rows = diesel::select(diesel::dsl::sql::<Integer>(query))
                .load_stream::<i32>(db)
                .await?;
            let mut error = None;
            while let Some(row) = rows.next().await {
                error = row.err();
            }
            drop(rows);
            assert!(error.expect("an error").to_string().contains("more than 1 row"));
            assert_eq!(super::number(db, 3).await?, 3);
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_answers_are_right(&bed).await;
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_raw_rollback_is_never_an_ok() {
    let bed = MyBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("ROLLBACK").await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(matches!(aborted(result).reason(), AbortReason::EndedByBody));
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_statement_that_commits_by_itself_is_noticed() {
    let bed = MyBed::new().await;
    refused(
        &bed,
        &[
            "INSERT INTO items VALUES (1, 'a')",
            "CREATE TABLE made (id int)",
            "INSERT INTO items VALUES (2, 'b')",
        ],
    )
    .await;
    assert_eq!(
        bed.count().await,
        1,
        "the first is committed, the other has a transaction of its own"
    );
    // It commits before it fails.
    refused(
        &bed,
        &[
            "INSERT INTO items VALUES (3, 'a')",
            "CREATE TABLE made (id int)",
            "INSERT INTO items VALUES (4, 'b')",
        ],
    )
    .await;
    assert_eq!(bed.count().await, 2);
    // A procedure does as well.
    bed.run("CREATE PROCEDURE p() BEGIN INSERT INTO items VALUES (5, 'a'); COMMIT; END")
        .await;
    refused(&bed, &["CALL p()", "INSERT INTO items VALUES (6, 'b')"]).await;
    assert_eq!(bed.count().await, 3);
}

#[tokio::test]
async fn what_was_committed_by_itself_is_not_done_twice() {
    let bed = MyBed::new().await;
    let attempts = AtomicI32::new(0);
    let result = bed
        .factory
        .session()
        .retry(3)
        .run(async |db: &mut Session<MyDb>| {
            insert(db, attempts.fetch_add(1, Ordering::SeqCst)).await?;
            db.batch_execute("CREATE TABLE IF NOT EXISTS made (id int)")
                .await?;
            db.batch_execute("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213")
                .await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(result.is_err());
    assert_eq!((attempts.into_inner(), bed.count().await), (1, 1));
}

/// Swallows a lock wait that times out, after a first insert, and commits.
async fn lock_wait(bed: &MyBed) -> Result<(), AppError> {
    bed.run("INSERT INTO items VALUES (1, 'a')").await;
    let mut holder = bed.factory.create_session().await.unwrap();
    diesel::delete(items::table.find(1))
        .execute(&mut holder)
        .await
        .unwrap();
    bed.factory
        .with_session(async |db| {
            insert(db, 2).await?;
            db.batch_execute("SET innodb_lock_wait_timeout = 1").await?;
            let waited = diesel::delete(items::table.find(1)).execute(db).await;
            // Another attempt would wait as long.
            let error = SessionError::from(waited.unwrap_err());
            assert!(!error.is_transient(), "{error}");
            assert!(error.to_string().contains("Lock wait timeout"), "{error}");
            Ok::<_, AppError>(())
        })
        .await
}

#[tokio::test]
async fn a_lock_wait_that_timed_out_costs_its_statement_alone() {
    let bed = MyBed::new().await;
    lock_wait(&bed).await.unwrap();
    assert_eq!(bed.count().await, 2, "1 and 2");
}

#[tokio::test]
async fn or_the_whole_transaction_where_the_server_says_so() {
    let server = testbed::mysql::Server::builder()
        .config("innodb_rollback_on_timeout", "ON")
        .start()
        .await;
    let database = server.database().await;
    let url = database.url();
    let bed = MyBed::make(database, &url, None, |_| {}).await;
    let aborted = aborted(lock_wait(&bed).await);
    assert_eq!(aborted.statement().unwrap().code(), Some(1205));
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_connection_lost_during_commit_is_commit_unknown() {
    for action in [Action::Reset, Action::Close] {
        let bed = MyBed::proxied(|_| {}).await;
        let result = bed
            .factory
            .with_session(async |db| {
                insert(db, 1).await?;
                // COMMIT arrives, its answer does not.
                bed.proxy()
                    .arm(Cut::after(0, Direction::ToClient).action(action));
                Ok::<_, AppError>(())
            })
            .await;
        assert!(
            matches!(
                result,
                Err(AppError::Session(SessionError::CommitUnknown(_)))
            ),
            "{result:?}"
        );
        // The next call works: the dead connection is not handed out again.
        bed.factory
            .with_session(async |db| insert(db, 2).await)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_lost_before_commit_is_not_unknown() {
    let bed = MyBed::proxied(|_| {}).await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            bed.proxy().sever(Action::Close).await;
            testbed::eventually(Duration::from_secs(5), "the server noticed", || async {
                bed.database.admin().connections().await == 0
            })
            .await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(
        matches!(result, Err(AppError::Session(SessionError::Commit(_)))),
        "{result:?}"
    );
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_killed_connection_is_told_and_replaced() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            bed.database.admin().terminate_all().await;
            insert(db, 2).await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(matches!(result, Err(AppError::Query(_))), "{result:?}");
    assert_answers_are_right(&bed).await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_raw_transaction_inside_a_session_does_not_commit_the_sessions_work() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let raw = db.connection().await?;
            raw.transaction(async |raw| {
                raw.batch_execute("INSERT INTO items VALUES (2, 'raw')")
                    .await
            })
            .await?;
            Err::<(), _>(AppError::Refused("no"))
        })
        .await;
    assert!(matches!(result, Err(AppError::Refused("no"))), "{result:?}");
    assert_answers_are_right(&bed).await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_raw_transaction_dropped_half_way_is_never_an_ok() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            let raw = db.connection().await?;
            let inner = raw.transaction(async |raw| {
                raw.batch_execute("INSERT INTO items VALUES (2, 'raw')")
                    .await?;
                std::future::pending::<()>().await;
                Ok::<_, diesel::result::Error>(())
            });
            tokio::time::timeout(Duration::from_millis(100), inner)
                .await
                .unwrap_err();
            Ok::<_, AppError>(())
        })
        .await;
    assert!(matches!(
        aborted(result).reason(),
        AbortReason::OpenSavepoint
    ));
    assert_answers_are_right(&bed).await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn isolation_and_read_only_are_the_transactions_own() {
    let bed = one_connection().await;
    let error = bed
        .factory
        .session()
        .read_only()
        .isolation(session_factory::Isolation::ReadCommitted)
        .run(async |db: &mut Session<MyDb>| insert(db, 1).await)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("READ ONLY"), "{error}");
    // The next transaction of the same connection may write.
    bed.factory
        .with_session(async |db| insert(db, 2).await)
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn what_runs_behind_a_raw_commit_is_never_lost_behind_an_ok() {
    for sql in [
        "COMMIT; INSERT INTO items VALUES (2, 'x')",
        "CREATE TABLE more (id int); INSERT INTO items VALUES (2, 'x')",
    ] {
        let (result, rows) = with_text(sql, None).await;
        assert!(
            matches!(
                result,
                Err(AppError::Session(SessionError::PartlyCommitted(_)))
            ),
            "{sql}: {result:?}"
        );
        assert_eq!(rows, 1, "{sql}");
    }
}

/// A session that inserts row 1 and runs a text, and how many rows are there afterwards.
async fn with_text(sql: &str, procedure: Option<&str>) -> (Result<(), AppError>, i64) {
    let bed = one_connection().await;
    if let Some(procedure) = procedure {
        bed.run(procedure).await;
    }
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute(sql).await?;
            Ok::<_, AppError>(())
        })
        .await;
    quiet(&bed).await;
    (result, bed.count().await)
}

#[tokio::test]
async fn words_in_quotes_and_comments_end_no_transaction() {
    for sql in [
        "INSERT INTO items VALUES (2, 'x; commit y')",
        r"INSERT INTO items VALUES (2, 'it\'s; ROLLBACK')",
        "INSERT /* ; COMMIT; */ INTO items VALUES (2, 'b') -- ; ROLLBACK",
    ] {
        let (result, rows) = with_text(sql, None).await;
        result.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(rows, 2, "{sql}");
    }
}

#[tokio::test]
async fn a_text_that_ends_the_transaction_both_ways_is_never_an_ok() {
    for (sql, kept) in [
        ("ROLLBACK; INSERT INTO items VALUES (2, 'b'); COMMIT", 1),
        ("COMMIT; ROLLBACK", 1),
        ("ROLLBACK; COMMIT", 0),
        ("ROLLBACK; INSERT INTO items VALUES (2, 'b')", 0),
    ] {
        let (result, rows) = with_text(sql, None).await;
        assert!(is_unseen(&result), "{sql}: {result:?}");
        assert_eq!(rows, kept, "{sql}");
    }
}

fn is_unseen(result: &Result<(), AppError>) -> bool {
    use session_factory::PartlyCommitted::EndedUnseen;

    matches!(
        result,
        Err(AppError::Session(SessionError::PartlyCommitted(
            EndedUnseen
        )))
    )
}

#[tokio::test]
async fn an_end_that_nobody_can_see_is_never_an_ok() {
    for body in ["COMMIT", "ROLLBACK"] {
        let procedure = format!("CREATE PROCEDURE p() BEGIN {body}; END");
        let (result, rows) = with_text("CALL p()", Some(&procedure)).await;
        assert!(
            matches!(
                &result,
                Err(AppError::Session(SessionError::PartlyCommitted(
                    session_factory::PartlyCommitted::EndedUnseen
                )))
            ),
            "{body}: {result:?}"
        );
        assert_eq!(rows, i64::from(body == "COMMIT"));
    }
}
