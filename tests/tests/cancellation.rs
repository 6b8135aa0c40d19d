//! Dropped calls on PostgreSQL: the server stops their statements, the pool does not grow, and no
//! caller waits behind a dropped one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use session_factory::{AbortReason, Factory, Session, SessionError, with_session};
use session_factory_tests::slow_cancels::slow_cancels;
use session_factory_tests::{AppError, PgBed, PgDb, items, pg_config};

#[with_session]
async fn slow(db: &mut Session<PgDb>, id: i32, milliseconds: u32) -> Result<(), AppError> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("slow")))
        .execute(db)
        .await?;
    diesel::sql_query(format!("SELECT pg_sleep({milliseconds} / 1000.0)"))
        .execute(db)
        .await?;
    Ok(())
}

#[with_session]
async fn quick(db: &mut Session<PgDb>) -> QueryResult<i64> {
    items::table.count().get_result(db).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_cancelled_calls_open_no_more_than_the_pool_and_leave_nothing() {
    let bed = PgBed::proxied(|config| {
        config.pool_size = 10;
        config.max_overflow = 0;
    })
    .await;
    for round in 0..20 {
        let calls = (0..10).map(|call| {
            let factory = bed.factory.clone();
            async move {
                let call = factory.scope(slow(round * 10 + call, 500));
                // In the middle of the statement's 500 ms.
                tokio::time::timeout(Duration::from_millis(150), call)
                    .await
                    .unwrap_err();
            }
        });
        join_all(calls).await;
    }
    let admin = bed.database.admin();
    testbed::eventually(testbed::PATIENCE, "the server is idle", || async {
        admin
            .activity()
            .await
            .iter()
            .all(|backend| !backend.is_active() && !backend.is_idle_in_transaction())
    })
    .await;
    let counts = bed.proxy().counts();
    assert!(
        counts.opened <= 10,
        "{} connections were opened",
        counts.opened
    );
    assert!(admin.connections().await <= 10);
    assert_eq!(bed.count().await, 0);
    assert_eq!(bed.factory.scope(quick()).await.unwrap(), 0);
}

#[tokio::test]
async fn the_next_caller_does_not_wait_for_a_cancelled_query() {
    let bed = PgBed::one_connection().await;
    let call = bed.factory.scope(slow(1, 60_000));
    tokio::time::timeout(Duration::from_millis(200), call)
        .await
        .unwrap_err();
    let started = Instant::now();
    assert_eq!(bed.factory.scope(quick()).await.unwrap(), 0);
    assert!(started.elapsed() < testbed::PATIENCE);
}

#[tokio::test]
async fn a_late_cancel_never_hits_the_next_borrower() {
    let bed = PgBed::one_connection().await;
    // The query ends at about the moment when it is cancelled.
    for round in 0..100 {
        let call = bed.factory.scope(slow(round, 5));
        let _maybe = tokio::time::timeout(Duration::from_millis(7), call).await;
        for _ in 0..3 {
            bed.factory
                .scope(quick())
                .await
                .expect("nobody cancelled this one");
        }
    }
}

#[tokio::test]
async fn a_cancel_that_takes_longer_than_anybody_waits_hits_no_later_borrower() {
    let bed = PgBed::new().await;
    let server = bed.database.endpoint().address();
    // Longer than recovery waits for a cancel request, which is two seconds.
    let (address, passed) = slow_cancels(server, Duration::from_millis(2_300)).await;
    let factory = Factory::<PgDb>::new(pg_config(&bed.database.url_at(address), |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    }));
    factory.scope(quick()).await.unwrap();
    let call = factory.scope(slow(1, 200));
    tokio::time::timeout(Duration::from_millis(100), call)
        .await
        .unwrap_err();
    // The statement ends by itself, and its cancel request arrives while one of these runs.
    let mut id = 2;
    while AtomicU32::load(&passed, Ordering::SeqCst) == 0 {
        factory
            .scope(slow(id, 50))
            .await
            .expect("nobody cancelled this one");
        id += 1;
    }
}

#[tokio::test]
async fn a_dropped_statement_makes_the_transaction_one_that_cannot_commit() {
    let bed = PgBed::new().await;
    let error = bed
        .factory
        .with_session(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("before")))
                .execute(db)
                .await?;
            let sleep = db.batch_execute("SELECT pg_sleep(60)");
            tokio::time::timeout(Duration::from_millis(100), sleep)
                .await
                .unwrap_err();
            // The body continues, and its next statement fails.
            let next = items::table.count().get_result::<i64>(db).await;
            let error = SessionError::from(next.unwrap_err());
            assert!(matches!(error, SessionError::Aborted(_)), "{error:?}");
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(aborted.reason(), AbortReason::StatementDropped));
    bed.at_rest().await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_dropped_rollback_still_cancels_the_statement_it_waits_for() {
    let bed = PgBed::new().await;
    // The body drops a statement and returns; the call is dropped at each poll of its rollback.
    for polls in 0..30 {
        let call = bed.factory.with_session(async |db| {
            let sleep = db.batch_execute("SELECT pg_sleep(60)");
            let _given_up = tokio::time::timeout(Duration::from_millis(5), sleep).await;
            Ok::<_, AppError>(())
        });
        let ended = testbed::polls::drop_at(polls, call).await;
        testbed::eventually(testbed::PATIENCE, "no query runs", || async {
            bed.database
                .integer(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND state <> 'idle' AND pid <> pg_backend_pid()",
                )
                .await
                == 0
        })
        .await;
        if ended.is_some() {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn a_dropped_statement_inside_a_dropped_savepoint_is_cancelled_and_undone() {
    let bed = PgBed::new().await;
    let started = Instant::now();
    bed.factory
        .with_session(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("outer")))
                .execute(db)
                .await?;
            let inner = db.savepoint(async |db| slow_in(db, 2, 30_000).await);
            tokio::time::timeout(Duration::from_millis(150), inner)
                .await
                .unwrap_err();
            diesel::insert_into(items::table)
                .values((items::id.eq(3), items::name.eq("after")))
                .execute(db)
                .await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_statement_dropped_before_it_was_sent_is_waited_for_like_one_that_was() {
    let bed = PgBed::new().await;
    let started = Instant::now();
    for round in 0..20 {
        let (first, second) = (round * 2, round * 2 + 1);
        bed.factory
            .with_session(async |db| {
                let one = format!("INSERT INTO items VALUES ({first}, 'before')");
                db.batch_execute(&one).await?;
                let inner = db.savepoint(async |db| {
                    Ok::<_, SessionError>(db.batch_execute("SELECT pg_sleep(60)").await?)
                });
                // Polled once: the statement is queued, and perhaps not sent yet.
                let ended = testbed::polls::drop_at(1, inner).await;
                assert!(ended.is_none());
                let two = format!("INSERT INTO items VALUES ({second}, 'after')");
                db.batch_execute(&two).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    }
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(bed.count().await, 40);
}

#[tokio::test]
async fn a_half_read_stream_is_over_when_its_session_is() {
    use futures_util::StreamExt;
    let bed = PgBed::one_connection().await;
    let factory = bed.factory.clone();
    let started = Instant::now();
    let call = factory.with_session(async |db| {
        let mut rows = diesel::sql_query("SELECT generate_series(1, 100000000)::int4 AS id")
            .load_stream::<Number>(db)
            .await?;
        rows.next().await.unwrap()?;
        std::future::pending::<()>().await;
        Ok::<_, AppError>(())
    });
    tokio::time::timeout(Duration::from_millis(200), call)
        .await
        .unwrap_err();
    assert_eq!(bed.factory.scope(quick()).await.unwrap(), 0);
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(bed.database.admin().connections().await, 1);
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    #[allow(dead_code)]
    id: i32,
}
