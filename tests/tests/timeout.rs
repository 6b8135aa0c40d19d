//! `timeout`: one deadline for the connection, the body, its attempts and COMMIT.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError};
use session_factory_tests::{LiteBed, PgBed, PgDb, items};
use testbed::proxy::Direction;

/// Long enough for a few statements on a busy machine.
const SOON: Duration = Duration::from_secs(1);

/// Opens a connection, so that the time of a later call is its statements'.
async fn connect(bed: &PgBed) {
    bed.factory
        .with_session(async |db| Ok::<_, SessionError>(db.batch_execute("SELECT 1").await?))
        .await
        .unwrap();
}

async fn insert(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

fn late<T: std::fmt::Debug>(result: Result<T, SessionError>) -> session_factory::TimeoutError {
    match result {
        Err(SessionError::Timeout(error)) => error,
        other => panic!("expected Timeout, got {other:?}"),
    }
}

#[tokio::test]
async fn a_query_past_the_deadline_is_cancelled_on_the_server() {
    let bed = PgBed::new().await;
    connect(&bed).await;
    let started = Instant::now();
    let result = bed
        .factory
        .session()
        .timeout(SOON)
        .run(async |db| {
            insert(db, 1).await?;
            db.batch_execute("SELECT pg_sleep(60)").await?;
            Ok::<_, SessionError>(())
        })
        .await;
    assert!(started.elapsed() < testbed::PATIENCE);
    let error = late(result);
    assert_eq!(error.limit(), SOON);
    assert!(error.running() >= SOON / 2, "{error}");
    assert!(error.to_string().contains("to its body"), "{error}");
    assert!(error.to_string().contains("timeout.rs:"), "{error}");
    testbed::eventually(testbed::PATIENCE, "no query runs", || async {
        bed.database
            .integer(
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()",
            )
            .await
            == 0
    })
    .await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_wait_for_a_connection_past_the_deadline_says_who_holds_them() {
    let bed = PgBed::one_connection().await;
    let mut held = bed.factory.create_session().await.unwrap();
    insert(&mut held, 1).await.unwrap();
    let result = bed
        .factory
        .session()
        .timeout(SOON)
        .run(async |db| Ok::<_, SessionError>(insert(db, 2).await?))
        .await;
    let error = late(result);
    assert!(error.acquiring() >= SOON);
    let pool = error.acquire_error().expect("the state of the pool");
    assert_eq!(pool.holders().len(), 1);
    assert!(pool.holders()[0].holder.contains("timeout.rs"), "{error}");
    assert!(error.to_string().contains("none came"), "{error}");
}

#[tokio::test]
async fn a_deadline_that_passes_during_commit_is_an_unknown_outcome() {
    let bed = PgBed::proxied(|_| {}).await;
    connect(&bed).await;
    let result = bed
        .factory
        .session()
        .timeout(SOON)
        .run(async |db| {
            insert(db, 1).await?;
            bed.proxy().hold(Direction::ToClient);
            Ok::<_, SessionError>(())
        })
        .await;
    assert!(
        matches!(result, Err(SessionError::CommitUnknown(_))),
        "{result:?}"
    );
    bed.proxy().release(Direction::ToClient);
    assert_eq!(bed.count().await, 1, "here it was committed");
    testbed::eventually(testbed::PATIENCE, "the connection is back", || async {
        let status = bed.factory.status();
        status.in_use + status.recovering == 0
    })
    .await;
    bed.factory
        .with_session(async |db| Ok::<_, SessionError>(insert(db, 2).await?))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_body_that_ends_after_the_deadline_is_not_committed() {
    let bed = PgBed::new().await;
    connect(&bed).await;
    let result = bed
        .factory
        .session()
        .timeout(SOON)
        .run(async |db| {
            insert(db, 1).await?;
            // The body is never pending, so it cannot be stopped.
            std::thread::sleep(SOON * 2);
            Ok::<_, SessionError>(())
        })
        .await;
    late(result);
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn attempts_and_pauses_count() {
    let bed = PgBed::new().await;
    let started = Instant::now();
    let result = bed
        .factory
        .session()
        .timeout(SOON)
        .retry_within(1000, Duration::from_millis(20), Duration::from_millis(20))
        .run(async |db| {
            db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
                .await?;
            Ok::<_, SessionError>(())
        })
        .await;
    result.unwrap_err();
    assert!(started.elapsed() < testbed::PATIENCE);
}

#[tokio::test]
async fn a_call_in_time_is_not_touched() {
    let bed = PgBed::new().await;
    bed.factory
        .session()
        .timeout(Duration::from_secs(60))
        .run(async |db| Ok::<_, SessionError>(insert(db, 1).await?))
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
}

#[test]
fn it_needs_no_timers_of_the_callers_runtime() {
    testbed::block_on(async {
        let bed = LiteBed::new().await;
        let result = std::thread::scope(|threads| {
            let call = threads.spawn(|| {
                // This runtime has no timers.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(bed.factory.session().timeout(SOON).run(async |db| {
                    db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                        .await?;
                    std::future::pending::<()>().await;
                    Ok::<_, SessionError>(())
                }))
            });
            call.join().unwrap()
        });
        late(result);
        testbed::eventually(testbed::PATIENCE, "it is rolled back", || async {
            bed.factory.status().recovering == 0
        })
        .await;
        assert_eq!(bed.count().await, 0);
    });
}
