//! A session on an external pool.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Factory, PartlyCommitted, Session, SessionError};
use session_factory_tests::slow_cancels::slow_cancels;
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb, at_rest, items};

async fn bed() -> (PgBed, Pool<AsyncPgConnection>, Factory<PgDb>) {
    let bed = PgBed::new().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url());
    let pool = Pool::builder().max_size(2).build(manager).await.unwrap();
    let factory = Factory::from_pool(pool.clone());
    (bed, pool, factory)
}

async fn insert(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

#[tokio::test]
async fn commits_rolls_back_and_shares_the_pool() {
    let (bed, pool, factory) = bed().await;
    factory
        .with_session(async |db| insert(db, 1).await)
        .await
        .unwrap();
    factory
        .with_session(async |db| {
            insert(db, 2).await?;
            Err::<(), _>(AppError::Refused("no"))
        })
        .await
        .unwrap_err();
    at_rest(&factory).await;
    assert_eq!(bed.count().await, 1);
    // The application's own code continues unchanged.
    let mut connection = pool.get().await.unwrap();
    let rows: i64 = items::table
        .count()
        .get_result(&mut *connection)
        .await
        .unwrap();
    assert_eq!(rows, 1);
    assert_eq!(factory.status().limit, 2);
}

#[tokio::test]
async fn a_swallowed_error_is_aborted_without_a_view_of_the_protocol() {
    let (bed, _pool, factory) = bed().await;
    let error = factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let _swallowed = insert(db, 1).await;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = error else {
        panic!("{error:?}")
    };
    assert!(aborted.statement().is_some());
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_raw_rollback_is_never_an_ok() {
    let (bed, _pool, factory) = bed().await;
    let error = factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("ROLLBACK").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(aborted.reason(), AbortReason::EndedByBody));
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_late_cancel_hits_no_later_borrower_of_the_applications_pool() {
    let bed = PgBed::new().await;
    let server = bed.database.endpoint().address();
    let mut rounds = 0;
    let (address, passed) = slow_cancels(server, Duration::from_secs(1)).await;
    let manager =
        AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url_at(address));
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool.clone());
    let admin = bed.database.admin();
    for _ in 0..3 {
        let before = AtomicU32::load(&passed, Ordering::SeqCst);
        let call = tokio::spawn({
            let factory = factory.clone();
            async move {
                let body = async |db: &mut Session<PgDb>| {
                    Ok::<_, AppError>(db.batch_execute("SELECT pg_sleep(0.5)").await?)
                };
                factory.with_session(body).await
            }
        });
        testbed::eventually(testbed::PATIENCE, "the statement runs", || async {
            let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                 AND query = 'SELECT pg_sleep(0.5)'";
            call.is_finished() || admin.integer(running).await == 1
        })
        .await;
        if call.is_finished() {
            // It was over before this test was scheduled.
            continue;
        }
        call.abort();
        // The statement ends by itself, and its cancel request arrives while this one runs.
        let mut connection = pool.get().await.unwrap();
        connection
            .batch_execute("SELECT pg_sleep(2)")
            .await
            .expect("nobody cancelled this one");
        drop(connection);
        rounds += u32::from(AtomicU32::load(&passed, Ordering::SeqCst) > before);
    }
    assert!(rounds > 0, "no request was sent");
    at_rest(&factory).await;
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_and_its_place_in_the_pool_comes_back() {
    let (bed, pool, factory) = bed().await;
    for _ in 0..5 {
        let call = factory.with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("SELECT pg_sleep(60)").await?;
            Ok::<_, AppError>(())
        });
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .unwrap_err();
    }
    at_rest(&factory).await;
    let admin = bed.database.admin();
    assert!(
        admin
            .activity()
            .await
            .iter()
            .all(|backend| !backend.in_transaction)
    );
    assert!(admin.connections().await <= 2);
    drop(pool.get().await.unwrap());
}

#[tokio::test]
async fn a_wrong_url_of_the_applications_pool_is_an_acquire_error() {
    let manager =
        AsyncDieselConnectionManager::<AsyncPgConnection>::new("postgres://app@127.0.0.1:1/app");
    let pool = Pool::builder()
        .connection_timeout(Duration::from_millis(300))
        .build_unchecked(manager);
    let factory = Factory::<PgDb>::from_pool(pool);
    let error = factory.create_session().await.unwrap_err();
    assert!(matches!(error, SessionError::Acquire(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_pools_work_too() {
    use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    let bed = LiteBed::new().await;
    let path = bed.database.path();
    let manager = AsyncDieselConnectionManager::<SyncConnectionWrapper<SqliteConnection>>::new(
        path.to_str().unwrap(),
    );
    let pool = Pool::builder().max_size(2).build(manager).await.unwrap();
    let factory = Factory::<LiteDb>::from_pool(pool);
    for (id, fail) in [(1, false), (2, true)] {
        let result = factory
            .with_session(async move |db| {
                db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
                    .await?;
                if fail {
                    Err(AppError::Refused("no"))
                } else {
                    Ok(())
                }
            })
            .await;
        assert_eq!(result.is_err(), fail);
    }
    testbed::eventually(testbed::PATIENCE, "recovered", || async {
        factory.status().recovering == 0
    })
    .await;
    assert_eq!(bed.count().await, 1);
}

fn is_unseen(result: &Result<(), AppError>) -> bool {
    let Err(AppError::Session(error)) = result else {
        return false;
    };
    matches!(
        error,
        SessionError::PartlyCommitted(PartlyCommitted::EndedUnseen)
    )
}

#[tokio::test]
async fn a_text_that_ends_the_transaction_is_never_an_ok() {
    for text in [
        "ROLLBACK AND CHAIN",
        "ROLLBACK; BEGIN",
        "ABORT /* work */; SELECT 1; BEGIN",
        "COMMIT; BEGIN; INSERT INTO items VALUES (2, 'b')",
        "COMMIT",
        "SELECT E'a'\n'\\''; ROLLBACK AND CHAIN; SELECT ''",
        "END AND CHAIN",
    ] {
        for raw in [false, true] {
            let (_bed, _pool, factory) = bed().await;
            let result = factory
                .with_session(async |db| {
                    insert(db, 1).await?;
                    if raw {
                        db.connection().await?.batch_execute(text).await?;
                    } else {
                        db.batch_execute(text).await?;
                    }
                    Ok::<_, AppError>(())
                })
                .await;
            assert!(is_unseen(&result), "{raw} {text}: {result:?}");
        }
    }
}

#[tokio::test]
async fn a_text_that_only_looks_like_an_end_is_an_ok() {
    let (bed, _pool, factory) = bed().await;
    for (id, text) in [
        "SELECT 'rollback; begin', CASE WHEN true THEN 1 END",
        "SAVEPOINT \"a b\"; ROLLBACK TO SAVEPOINT \"a b\"",
        "PREPARE p AS SELECT 1; DEALLOCATE p",
        "DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    ]
    .into_iter()
    .enumerate()
    {
        factory
            .with_session(async |db| {
                insert(db, i32::try_from(id).unwrap()).await?;
                db.batch_execute(text).await?;
                db.connection().await?.batch_execute(text).await?;
                insert(db, i32::try_from(id + 100).unwrap()).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    at_rest(&factory).await;
    assert_eq!(bed.count().await, 8);
}

#[tokio::test]
async fn a_rollback_behind_a_dropped_statement_is_told_as_done() {
    let (bed, _pool, factory) = bed().await;
    factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let sleep = db.batch_execute("SELECT pg_sleep(60)");
            tokio::time::timeout(Duration::from_millis(100), sleep)
                .await
                .unwrap_err();
            db.rollback().await?;
            insert(db, 2).await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    at_rest(&factory).await;
    let rows = "SELECT count(*) FROM items WHERE id = 2";
    assert_eq!(bed.database.integer(rows).await, 1);
    assert_eq!(bed.count().await, 1);
}
