//! Round trips, counted between the client and a real server.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Session, TrackedMysqlConnection, with_session};
use session_factory_tests::{AppError, MyBed, MyDb, items};
use testbed::proxy::Direction;

use super::quiet;

#[with_session]
async fn select_times(db: &mut Session<MyDb>, times: u32) -> QueryResult<()> {
    for _ in 0..times {
        items::table.select(items::id).load::<i32>(db).await?;
    }
    Ok(())
}

#[with_session(MyDb)]
async fn raw_select(db: &mut TrackedMysqlConnection) -> QueryResult<Vec<i32>> {
    items::table.select(items::id).load::<i32>(db).await
}

/// A bed whose one connection has run everything once.
async fn warm() -> MyBed {
    let bed = MyBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
    .await;
    bed.factory.scope(select_times(1)).await.unwrap();
    bed.factory.scope(raw_select()).await.unwrap();
    bed.proxy()
        .delay(Direction::ToClient, Duration::from_millis(5));
    bed.proxy().reset_counts();
    bed
}

async fn round_trips(bed: &MyBed) -> u64 {
    quiet(bed).await;
    bed.proxy().counts().round_trips
}

#[tokio::test]
async fn one_statement_takes_two_round_trips() {
    let bed = warm().await;
    bed.factory.scope(select_times(1)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
    assert_eq!(bed.proxy().sql().last().unwrap(), "COMMIT");
}

#[tokio::test]
async fn five_statements_take_six_round_trips_and_none_takes_none() {
    let bed = warm().await;
    bed.factory.scope(select_times(5)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 6, "{:?}", bed.proxy().sql());
    bed.factory.scope(select_times(0)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 6, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn err_is_returned_before_the_rollback_is_answered() {
    #[with_session]
    async fn fail(db: &mut Session<MyDb>) -> Result<(), AppError> {
        items::table.select(items::id).load::<i32>(db).await?;
        Err(AppError::Refused("no"))
    }
    let bed = warm().await;
    bed.factory.scope(fail()).await.unwrap_err();
    assert_eq!(bed.factory.status().recovering, 1);
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn a_raw_connection_costs_no_round_trip_more() {
    let bed = warm().await;
    bed.factory.scope(raw_select()).await.unwrap();
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn an_isolation_level_costs_one_round_trip() {
    let bed = warm().await;
    bed.factory
        .session()
        .isolation(session_factory::Isolation::Serializable)
        .run(async |db: &mut Session<MyDb>| select_times_in(db, 1).await)
        .await
        .unwrap();
    assert_eq!(round_trips(&bed).await, 3, "{:?}", bed.proxy().sql());
}
