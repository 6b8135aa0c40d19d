//! The server tells what ended a transaction: blocks, procedures, functions, texts that no reader of SQL understands.

use std::sync::atomic::{AtomicI32, Ordering};

use diesel_async::{AsyncConnection, SimpleAsyncConnection, TransactionManager};
use session_factory::{PartlyCommitted, Session, SessionError};
use session_factory_tests::{AppError, MyBed, MyDb};

use super::{assert_answers_are_right, insert, one_connection, quiet};

/// What becomes of a session that inserts row 1, runs the texts one after another, and ignores their errors.
async fn ends_in(texts: &[&str], expected: Expected) {
    let bed = one_connection().await;
    for routine in [
        "CREATE PROCEDURE add_two() BEGIN INSERT INTO items VALUES (2, 'p'), (3, 'p'); END",
        "CREATE PROCEDURE end_between() BEGIN INSERT INTO items VALUES (2, 'p'); COMMIT; INSERT INTO items VALUES (3, 'p'); END",
        "CREATE FUNCTION add_three() RETURNS INT BEGIN INSERT INTO items VALUES (4, 'f'); RETURN 3; END",
    ] {
        bed.run(routine).await;
    }
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            for sql in texts {
                let _swallowed = db.batch_execute(sql).await;
            }
            Ok::<_, AppError>(())
        })
        .await;
    quiet(&bed).await;
    let rows = bed.count().await;
    match (expected, &result) {
        (Kept(kept), Ok(()))
        | (
            Unseen(kept),
            Err(AppError::Session(SessionError::PartlyCommitted(PartlyCommitted::EndedUnseen))),
        )
        | (Parted(kept), Err(AppError::Session(SessionError::PartlyCommitted(_)))) => {
            assert_eq!(rows, kept, "{texts:?}");
        }
        _ => panic!("{texts:?}: {result:?}, {rows} rows"),
    }
    assert_answers_are_right(&bed).await;
}

/// How it ends, and how many rows are there then.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Kept(i64),
    Unseen(i64),
    Parted(i64),
}
use Expected::{Kept, Parted, Unseen};

#[tokio::test]
async fn a_block_whose_dead_branch_commits_ends_nothing() {
    for sql in [
        "BEGIN NOT ATOMIC INSERT INTO items VALUES (2, 'x'); IF 0 THEN SET @a = 1; COMMIT; END IF; END",
        "BEGIN NOT ATOMIC INSERT INTO items VALUES (2, 'x'); IF 0 THEN DROP TABLE items; END IF; END",
    ] {
        ends_in(&[sql], Kept(2)).await;
    }
}

#[tokio::test]
async fn a_block_or_a_procedure_that_commits_in_between_is_never_an_ok() {
    for sql in [
        "BEGIN NOT ATOMIC INSERT INTO items VALUES (2, 'x'); COMMIT; INSERT INTO items VALUES (3, 'x'); END",
        "CALL end_between()",
        "IF 1 THEN INSERT INTO items VALUES (2, 'x'); COMMIT; INSERT INTO items VALUES (3, 'x'); END IF",
    ] {
        ends_in(&[sql], Unseen(2)).await;
    }
}

#[tokio::test]
async fn an_error_behind_a_procedure_costs_its_own_text_alone() {
    let text = "CALL add_two(); SELECT * FROM nosuch; COMMIT";
    ends_in(&[text], Kept(3)).await;
}

#[tokio::test]
async fn comments_quotes_and_modes_hide_no_end() {
    ends_in(
        &["/*!999999 COMMIT */ INSERT INTO items VALUES (2, 'x')"],
        Kept(2),
    )
    .await;
    for sql in [
        "SELECT 1 /*!999999 ' */; ROLLBACK AND CHAIN; SELECT ''",
        "/*Mike's*/ SELECT 1; ROLLBACK AND CHAIN; SELECT ''",
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; SELECT '\\'; ROLLBACK AND CHAIN; SELECT ''",
        "SET sql_mode = 'ANSI_QUOTES'; SELECT 1 AS \"'\"; ROLLBACK AND CHAIN; SELECT 1 AS \"'\"",
    ] {
        ends_in(&[sql], Unseen(0)).await;
    }
}

#[tokio::test]
async fn a_function_that_inserts_behind_a_commit_is_never_an_ok() {
    ends_in(&["COMMIT; SELECT add_three()"], Parted(1)).await;
    ends_in(&["COMMIT; CALL add_two()"], Unseen(1)).await;
    ends_in(
        &["CREATE PROCEDURE q() BEGIN COMMIT; END; INSERT INTO items VALUES (2, 'x')"],
        Parted(1),
    )
    .await;
}

#[tokio::test]
async fn compound_statements_and_prepared_ones_hide_no_end() {
    for sql in [
        "IF 1 THEN ROLLBACK; INSERT INTO items VALUES (2, 'x'); END IF",
        "FOR i IN 2..3 DO ROLLBACK; INSERT INTO items VALUES (i, 'x'); END FOR",
        "EXECUTE IMMEDIATE 'ROLLBACK AND CHAIN'",
        "PREPARE p FROM 'ROLLBACK'; EXECUTE p",
    ] {
        ends_in(&[sql], Unseen(0)).await;
    }
    for sql in [
        "START TRANSACTION",
        "COMMIT AND CHAIN",
        "LOCK TABLES items WRITE",
        "ALTER TABLE items COMMENT 'x'",
    ] {
        ends_in(&[sql], Kept(1)).await;
    }
}

#[tokio::test]
async fn what_a_block_has_committed_is_not_done_twice() {
    let bed = MyBed::new().await;
    let attempts = AtomicI32::new(0);
    let result = bed
        .factory
        .session()
        .retry(3)
        .run(async |db: &mut Session<MyDb>| {
            let id = 10 * attempts.fetch_add(1, Ordering::SeqCst);
            let block = format!(
                "IF 1 THEN INSERT INTO items VALUES ({id}, 'x'); COMMIT; INSERT INTO items VALUES ({}, 'x'); END IF",
                id + 1
            );
            let _swallowed = db.batch_execute(&block).await;
            db.batch_execute("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213").await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(result.is_err());
    quiet(&bed).await;
    assert_eq!((attempts.into_inner(), bed.count().await), (1, 1));
}

#[tokio::test]
async fn autocommit_that_the_body_switches_on_commits_nothing_of_what_follows() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            db.batch_execute("SET autocommit = 1").await?;
            insert(db, 1).await?;
            let inner: Result<(), AppError> = db
                .savepoint(async |db| {
                    insert(db, 2).await?;
                    Err(AppError::Refused("inner"))
                })
                .await;
            assert!(inner.is_err());
            insert(db, 3).await?;
            Ok::<_, AppError>(())
        })
        .await;
    result.unwrap();
    assert_eq!(bed.count().await, 2, "1 and 3");
    let _refused: Result<(), AppError> = bed
        .factory
        .with_session(async |db| {
            db.batch_execute("SET autocommit = 1").await?;
            insert(db, 4).await?;
            Err(AppError::Refused("no"))
        })
        .await;
    quiet(&bed).await;
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_table_that_is_created_in_a_savepoint_that_fails_is_told() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let inner: Result<(), AppError> = db
                .savepoint(async |db| {
                    db.batch_execute("CREATE TABLE made (id int)").await?;
                    Err(AppError::Refused("inner"))
                })
                .await;
            assert!(inner.is_err());
            Ok::<_, AppError>(())
        })
        .await;
    assert!(
        matches!(
            result,
            Err(AppError::Session(SessionError::PartlyCommitted(_)))
        ),
        "{result:?}"
    );
}

/// What a migration harness does for each migration: a transaction by hand, in which a table is made and a row inserted.
#[tokio::test]
async fn migrations_in_transactions_of_their_own_succeed() {
    type Manager = <Session<MyDb> as AsyncConnection>::TransactionManager;

    let bed = one_connection().await;
    bed.factory
        .with_session(async |db| {
            for id in 1..=3 {
                Manager::begin_transaction(db).await?;
                db.batch_execute(&format!(
                    "CREATE TABLE made_{id} (id int); ALTER TABLE made_{id} ADD n int"
                ))
                .await?;
                insert(db, id).await?;
                Manager::commit_transaction(db).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 3);
    assert_answers_are_right(&bed).await;
}
