//! The server never has more connections than the pool's limit: a connection that the pool closes
//! counts until the server has closed it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::join_all;
use session_factory::{Factory, SessionError};
use session_factory_tests::{AppError, PgBed, PgDb, PgDbConfig, items};
use testbed::proxy::{Direction, Proxy};
use tokio::time::timeout;

/// A pool of `limit` connections, on a server with room for exactly as many.
async fn bed(limit: u32, change: impl FnOnce(&mut PgDbConfig)) -> PgBed {
    let database = testbed::postgres::database().await;
    let role = database.name().to_owned();
    let create = format!("CREATE ROLE {role} LOGIN IN ROLE app CONNECTION LIMIT {limit}");
    let admin: &testbed::postgres::Admin = &database.admin();
    admin.execute(&create).await;
    let proxy = Proxy::start(database.endpoint().address());
    let url = database
        .url_via(&proxy)
        .replace("//app@", &format!("//{role}@"));
    PgBed::make(database, &url, Some(proxy), |config| {
        config.pool_size = limit;
        config.max_overflow = 0;
        change(config);
    })
    .await
}

/// Prepares a statement with PREPARE, which costs the connection.
async fn prepare(factory: &Factory<PgDb>) -> Result<(), AppError> {
    let prepare = factory.with_session(async |db| {
        db.batch_execute("PREPARE one AS SELECT 1").await?;
        Ok(())
    });
    prepare.await
}

async fn count(factory: &Factory<PgDb>) -> QueryResult<i64> {
    let count = factory.with_session(async |db| items::table.count().get_result(db).await);
    count.await
}

#[tokio::test]
async fn a_connection_that_is_closed_counts_until_the_server_has_closed_it() {
    let bed = bed(1, |_| {}).await;
    for _ in 0..60 {
        prepare(&bed.factory).await.unwrap();
    }
    assert!(bed.proxy().counts().opened >= 60, "each was closed");
}

#[tokio::test]
async fn one_that_is_too_old_counts_until_the_server_has_closed_it() {
    let bed = bed(1, |config| config.pool_recycle = Duration::from_nanos(1)).await;
    for _ in 0..40 {
        count(&bed.factory).await.unwrap();
    }
    assert!(bed.proxy().counts().opened >= 40, "each was closed");
}

#[tokio::test]
async fn a_goodbye_that_takes_its_time_is_waited_for() {
    let bed = bed(2, |_| {}).await;
    for direction in [Direction::ToServer, Direction::ToClient] {
        bed.proxy().delay(direction, Duration::from_millis(5));
    }
    let calls = (0..20).map(|_| prepare(&bed.factory));
    for told in join_all(calls).await {
        told.unwrap();
    }
}

#[tokio::test]
async fn a_storm_of_cancelled_calls_opens_none_too_many() {
    let bed = bed(2, |config| config.pool_timeout = Duration::from_secs(60)).await;
    let factory = &bed.factory;
    let cancelled = (0..100).map(async |number: u64| {
        let call = factory.with_session(async |db| {
            db.batch_execute("PREPARE one AS SELECT 1; SELECT pg_sleep(30)")
                .await?;
            Ok::<(), AppError>(())
        });
        let given_up = timeout(Duration::from_millis(number * 3), call).await;
        assert!(given_up.is_err(), "{given_up:?}");
        prepare(factory).await
    });
    for told in join_all(cancelled).await {
        told.unwrap();
    }
    let calls = (0..2).map(|_| count(factory));
    assert!(join_all(calls).await.into_iter().all(|told| told == Ok(0)));
}

async fn told(factory: &Factory<PgDb>) -> String {
    match count(factory).await.map_err(SessionError::from) {
        Err(SessionError::Acquire(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

const NOT_ANSWERED: &str = "has not answered the attempt to open one";
const NOT_CLOSED: &str = "has not closed one that was closed here";

#[tokio::test]
async fn a_caller_is_told_that_the_server_has_not_closed_a_connection() {
    let bed = bed(1, |config| config.pool_timeout = Duration::from_millis(300)).await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute("PREPARE one AS SELECT 1").await.unwrap();
    db.commit().await.unwrap();
    // The goodbye does not reach the server.
    bed.proxy().hold(Direction::ToServer);
    drop(db);
    let text = told(&bed.factory).await;
    assert!(text.contains(NOT_CLOSED), "{text}");
    assert!(!text.contains(NOT_ANSWERED), "{text}");
    bed.proxy().release(Direction::ToServer);
    testbed::eventually(Duration::from_secs(10), "a connection is opened", || {
        count(&bed.factory).map(|told| told.is_ok())
    })
    .await;
}

#[tokio::test]
async fn a_caller_is_told_of_an_attempt_to_open_a_connection_while_there_is_one() {
    let bed = bed(1, |config| config.pool_timeout = Duration::from_millis(300)).await;
    let db = bed.factory.create_session().await.unwrap();
    let text = told(&bed.factory).await;
    assert!(
        !text.contains(NOT_ANSWERED) && !text.contains(NOT_CLOSED),
        "{text}"
    );
    drop(db);
    bed.factory.health().await.unwrap();
    let silent = PgBed::proxied(|config| config.pool_timeout = Duration::from_millis(300)).await;
    silent.proxy().stall();
    let text = told(&silent.factory).await;
    assert!(text.contains(NOT_ANSWERED), "{text}");
    assert!(!text.contains(NOT_CLOSED), "{text}");
}
