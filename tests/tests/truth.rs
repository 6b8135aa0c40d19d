//! `Ok` means committed: the server's answer decides, not what was sent.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, PgBed, PgDb, items};
use testbed::proxy::{Action, Cut, Direction};
use tokio::sync::Barrier;

async fn insert(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

fn aborted(result: Result<(), AppError>) -> session_factory::Aborted {
    match result {
        Err(AppError::Session(SessionError::Aborted(aborted))) => aborted,
        other => panic!("expected Aborted, got {other:?}"),
    }
}

#[tokio::test]
async fn a_swallowed_error_is_aborted_and_names_the_statement_error() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let _swallowed = insert(db, 1).await;
            Ok::<_, AppError>(())
        })
        .await;
    let aborted = aborted(result);
    let statement = aborted.statement().expect("the statement's error");
    assert_eq!(statement.sqlstate(), Some("23505"));
    assert!(statement.message().contains("items_pkey"), "{statement}");
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn the_first_error_is_the_one_that_is_told() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            let _first = db.batch_execute("SELECT 1/0").await;
            let _second = insert(db, 1).await;
            Ok::<_, AppError>(())
        })
        .await;
    assert_eq!(
        aborted(result).statement().unwrap().sqlstate(),
        Some("22012")
    );
}

#[tokio::test]
async fn an_error_in_mid_stream_counts() {
    use futures_util::StreamExt;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        #[allow(dead_code)]
        quotient: i32,
    }
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let mut rows = diesel::sql_query(
                "SELECT 1 / (500 - n) AS quotient FROM generate_series(1, 1000) AS n",
            )
            .load_stream::<Row>(db)
            .await?;
            while let Some(Ok(_)) = rows.next().await {}
            Ok::<_, AppError>(())
        })
        .await;
    assert_eq!(
        aborted(result).statement().unwrap().sqlstate(),
        Some("22012")
    );
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn an_error_behind_the_rows_that_were_read_counts() {
    use futures_util::StreamExt;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        #[allow(dead_code)]
        quotient: i32,
    }
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let mut rows = diesel::sql_query(
                "SELECT 1 / (5 - n) AS quotient FROM generate_series(1, 1000) AS n",
            )
            .load_stream::<Row>(db)
            .await?;
            rows.next().await.unwrap()?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(aborted(result).statement().is_some());
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_raw_rollback_is_never_an_ok() {
    let bed = PgBed::new().await;
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
async fn no_statement_runs_outside_of_a_transaction_after_a_raw_rollback() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("ROLLBACK").await?;
            insert(db, 2).await?;
            Ok::<_, AppError>(())
        })
        .await;
    result.unwrap_err();
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn after_a_raw_commit_the_next_statement_has_a_transaction_of_its_own() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("COMMIT").await?;
            insert(db, 2).await?;
            Err::<(), _>(AppError::Refused("no"))
        })
        .await;
    result.unwrap_err();
    testbed::eventually(testbed::PATIENCE, "rolled back", || async {
        bed.factory.status().recovering == 0
    })
    .await;
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_raw_begin_changes_nothing() {
    let bed = PgBed::new().await;
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("BEGIN").await?;
            insert(db, 2).await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_refused_commit_is_an_error_and_nothing_is_kept() {
    let bed = PgBed::new().await;
    bed.run("CREATE TABLE child (item int REFERENCES items DEFERRABLE INITIALLY DEFERRED)")
        .await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("INSERT INTO child VALUES (99)").await?;
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Commit(error))) = result else {
        panic!("{result:?}")
    };
    assert_eq!(error.statement().sqlstate(), Some("23503"));
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_connection_lost_during_commit_is_commit_unknown() {
    for action in [Action::Reset, Action::Close] {
        let bed = PgBed::proxied(|_| {}).await;
        let result = bed
            .factory
            .with_session(async |db| {
                insert(db, 1).await?;
                // COMMIT arrives, but its answer does not.
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
        // The next call works, because the dead connection is not lent again.
        bed.factory
            .with_session(async |db| insert(db, 2).await)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_lost_before_commit_is_not_unknown() {
    let bed = PgBed::proxied(|_| {}).await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            bed.proxy().sever(Action::Close).await;
            testbed::eventually(testbed::PATIENCE, "the server noticed", || async {
                bed.database.admin().connections().await == 0
            })
            .await;
            tokio::time::sleep(Duration::from_millis(250)).await;
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
async fn a_terminated_backend_is_told_by_its_own_words() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            assert_eq!(bed.database.admin().terminate_all().await, 1);
            insert(db, 2).await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "terminating connection due to administrator command [SQLSTATE 57P01]"
    );
    assert_eq!(bed.count().await, 0);
    bed.factory
        .with_session(async |db| insert(db, 3).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_raw_transaction_inside_a_session_does_not_commit_the_sessions_work() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let raw = db.connection().await?;
            raw.transaction(async |raw: &mut AsyncPgConnection| {
                diesel::insert_into(items::table)
                    .values((items::id.eq(2), items::name.eq("raw")))
                    .execute(raw)
                    .await
            })
            .await?;
            Err::<(), _>(AppError::Refused("no"))
        })
        .await;
    result.unwrap_err();
    testbed::eventually(testbed::PATIENCE, "rolled back", || async {
        bed.factory.status().recovering == 0
    })
    .await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_raw_transaction_dropped_half_way_is_never_an_ok() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let raw = db.connection().await?;
            let inner = raw.transaction(async |raw: &mut AsyncPgConnection| {
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
    assert_eq!(bed.count().await, 0);
}

#[with_session]
async fn lock_both(
    db: &mut Session<PgDb>,
    first: i32,
    second: i32,
    both_hold_one: &Barrier,
) -> Result<(), AppError> {
    for id in [first, second] {
        diesel::update(items::table.find(id))
            .set(items::name.eq("locked"))
            .execute(db)
            .await?;
        if id == first {
            both_hold_one.wait().await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_deadlock_is_told_as_transient() {
    let bed = PgBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let meet = Barrier::new(2);
    let (one, two) = tokio::join!(
        bed.factory.scope(lock_both(1, 2, &meet)),
        bed.factory.scope(lock_both(2, 1, &meet))
    );
    assert_ne!(one.is_ok(), two.is_ok(), "one of them has to give way");
    let Err(AppError::Query(diesel::result::Error::DatabaseError(kind, _))) = one.and(two) else {
        panic!("not an error of a statement");
    };
    assert!(
        matches!(kind, DatabaseErrorKind::SerializationFailure),
        "diesel alone says Unknown: {kind:?}"
    );
}

#[tokio::test]
async fn sqlite_keeps_what_succeeded_when_an_error_is_swallowed() {
    // On SQLite, a failed statement does not spoil the transaction, so `Ok` truthfully commits the
    // others.
    let bed = LiteBed::new().await;
    bed.factory
        .with_session(async |db| {
            db.batch_execute("INSERT INTO items VALUES (1, 'a')")
                .await?;
            let _swallowed = db.batch_execute("INSERT INTO items VALUES (1, 'a')").await;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn sqlite_notices_a_raw_rollback_and_an_error_that_rolls_back() {
    for sql in [
        "ROLLBACK",
        "INSERT OR ROLLBACK INTO items VALUES (1, 'again')",
    ] {
        let bed = LiteBed::new().await;
        let result = bed
            .factory
            .with_session(async |db| {
                db.batch_execute("INSERT INTO items VALUES (1, 'a')")
                    .await?;
                let _ended = db.batch_execute(sql).await;
                let _refused = db.batch_execute("INSERT INTO items VALUES (2, 'b')").await;
                Ok::<_, AppError>(())
            })
            .await;
        let by_body = matches!(aborted(result).reason(), AbortReason::EndedByBody);
        assert_eq!(by_body, sql == "ROLLBACK");
        assert_eq!(bed.count().await, 0, "{sql}");
    }
}

#[tokio::test]
async fn a_sqlstate_of_a_lost_connection_that_a_trigger_raises_is_a_refusal() {
    for sqlstate in ["08006", "57P01"] {
        let bed = PgBed::new().await;
        bed.run(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$; \
             CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION refuse()"
        ))
        .await;
        let result = bed
            .factory
            .with_session(async |db| {
                insert(db, 1).await?;
                Ok::<_, AppError>(())
            })
            .await;
        let Err(AppError::Session(SessionError::Commit(error))) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.statement().sqlstate(), Some(sqlstate));
        assert_eq!(bed.count().await, 0);
    }
}
