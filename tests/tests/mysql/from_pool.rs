//! A session over a pool that the application already has: its packets are not ours to watch.

use std::time::Duration;

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncMysqlConnection, SimpleAsyncConnection};
use session_factory::{AbortReason, Factory, SessionError};
use session_factory_tests::{AppError, MyBed, MyDb};

use super::{insert, number};

async fn bed() -> (MyBed, Factory<MyDb>) {
    let bed = MyBed::new().await;
    let manager = AsyncDieselConnectionManager::<AsyncMysqlConnection>::new(bed.database.url());
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    (bed, Factory::from_pool(pool))
}

async fn back(factory: &Factory<MyDb>) {
    testbed::eventually(Duration::from_secs(10), "recovered", || async {
        let status = factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
}

#[tokio::test]
async fn commits_and_rolls_back() {
    let (bed, factory) = bed().await;
    factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.savepoint(async |db| insert(db, 2).await).await
        })
        .await
        .unwrap();
    let refused: Result<(), _> = factory
        .with_session(async |db| {
            insert(db, 3).await?;
            Err(AppError::Refused("no"))
        })
        .await;
    refused.unwrap_err();
    back(&factory).await;
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn after_a_cancelled_call_answers_are_right() {
    let (bed, factory) = bed().await;
    for polls in 0..40 {
        let call = factory.with_session(async |db| {
            insert(db, 1).await?;
            number(db, -1).await?;
            Err::<(), _>(AppError::Refused("rolled back"))
        });
        let ended = testbed::polls::drop_at(polls, call).await;
        back(&factory).await;
        for question in 0..5 {
            let answer = factory
                .with_session(async |db| number(db, question).await)
                .await
                .unwrap();
            assert_eq!(answer, question);
        }
        testbed::eventually(Duration::from_secs(5), "rolled back", || async {
            bed.count().await == 0
        })
        .await;
        if ended.is_some() {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn a_running_statement_of_a_dropped_call_is_cancelled() {
    let (bed, factory) = bed().await;
    let call = factory.with_session(async |db| {
        db.batch_execute("SELECT SLEEP(60)").await?;
        Ok::<_, AppError>(())
    });
    tokio::time::timeout(Duration::from_millis(100), call)
        .await
        .unwrap_err();
    let admin = bed.database.admin();
    testbed::eventually(Duration::from_secs(5), "cancelled", || async {
        admin.activity().await.iter().all(|one| !one.is_active())
    })
    .await;
}

#[tokio::test]
async fn a_swallowed_deadlock_is_aborted_all_the_same() {
    let (bed, factory) = bed().await;
    let result = factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute(
                "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, \
                 MESSAGE_TEXT = 'Deadlock found when trying to get lock; try restarting transaction'",
            )
            .await
            .unwrap_err();
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}");
    };
    assert!(matches!(aborted.reason(), AbortReason::Statement(_)));
    assert_eq!(bed.count().await, 0);
}
