//! Round trips, counted between the client and a real server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use session_factory::{Session, with_session};
use session_factory_tests::{AppError, PgBed, PgDb, PgDbConfig, items};
use testbed::proxy::Direction;

#[with_session]
async fn select_times(db: &mut Session<PgDb>, times: u32) -> QueryResult<()> {
    for _ in 0..times {
        items::table.select(items::id).load::<i32>(db).await?;
    }
    Ok(())
}

#[with_session(PgDb)]
async fn raw_select(db: &mut AsyncPgConnection) -> QueryResult<Vec<i32>> {
    items::table.select(items::id).load::<i32>(db).await
}

/// How long answers are delayed. Requests sent within that time count as sent together. A busy
/// machine may pause between two of them.
const HELD_BACK: Duration = Duration::from_millis(80);

/// A bed whose only connection has run everything once. Its answers are delayed, so that requests
/// sent before an answer count as one round trip. It does not ping, because on a busy machine the
/// connection idles long enough between two calls.
async fn warm() -> PgBed {
    warm_with(|config| config.pool_pre_ping = false).await
}

async fn warm_with(change: impl FnOnce(&mut PgDbConfig)) -> PgBed {
    let bed = PgBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        change(config);
    })
    .await;
    bed.factory.scope(select_times(1)).await.unwrap();
    bed.factory.scope(select_times(2)).await.unwrap();
    bed.proxy().delay(Direction::ToClient, HELD_BACK);
    bed.proxy().reset_counts();
    bed
}

async fn round_trips(bed: &PgBed) -> u64 {
    bed.at_rest().await;
    bed.proxy().counts().round_trips
}

#[tokio::test]
async fn one_statement_takes_two_round_trips() {
    let bed = warm().await;
    bed.factory.scope(select_times(1)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn five_statements_take_six_round_trips() {
    let bed = warm().await;
    bed.factory.scope(select_times(5)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 6, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn a_function_that_runs_nothing_takes_none() {
    let bed = warm().await;
    bed.factory.scope(select_times(0)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 0, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn begin_is_sent_before_the_statement_it_is_for() {
    let bed = warm().await;
    bed.factory.scope(select_times(1)).await.unwrap();
    let sql = bed.proxy().sql();
    assert_eq!(
        sql.as_slice().first().map(String::as_str),
        Some("BEGIN"),
        "{sql:?}"
    );
    assert_eq!(
        sql.as_slice().last().map(String::as_str),
        Some("COMMIT"),
        "{sql:?}"
    );
}

#[tokio::test]
async fn err_is_returned_before_the_rollback_is_answered() {
    #[with_session]
    async fn fail(db: &mut Session<PgDb>) -> Result<(), AppError> {
        items::table.select(items::id).load::<i32>(db).await?;
        Err(AppError::Refused("no"))
    }
    let bed = warm().await;
    bed.factory.scope(fail()).await.unwrap_err();
    assert_eq!(bed.factory.status().recovering, 1);
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[with_session]
async fn insert_times(db: &mut Session<PgDb>, first: i32, times: i32) -> Result<(), AppError> {
    for id in first..first + times - 1 {
        insert_item(db, id).await?;
    }
    let last = (items::id.eq(first + times - 1), items::name.eq("x"));
    db.commit_with(diesel::insert_into(items::table).values(last))
        .await?;
    Ok(())
}

async fn insert_item(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    let item = (items::id.eq(id), items::name.eq("x"));
    diesel::insert_into(items::table)
        .values(item)
        .execute(db)
        .await
}

#[tokio::test]
async fn commit_with_sends_the_last_statement_and_commit_in_one_flight() {
    let bed = warm().await;
    bed.factory.scope(insert_times(1, 2)).await.unwrap();
    for (times, first) in [(1, 100), (2, 200), (5, 300)] {
        bed.proxy().reset_counts();
        bed.factory.scope(insert_times(first, times)).await.unwrap();
        let sql = bed.proxy().sql();
        assert_eq!(
            round_trips(&bed).await,
            u64::try_from(times).unwrap(),
            "{sql:?}"
        );
        assert_eq!(sql.last().unwrap(), "COMMIT");
    }
    assert_eq!(bed.count().await, 10);
}

#[tokio::test]
async fn commit_with_takes_savepoints_along() {
    #[with_session]
    async fn nested(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
        db.savepoint(async |db| insert_item(db, id).await).await?;
        insert_times_in(db, id + 1, 1).await
    }
    let bed = warm().await;
    bed.factory.scope(nested(1)).await.unwrap();
    bed.proxy().reset_counts();
    bed.factory.scope(nested(3)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn a_savepoint_costs_no_round_trip_of_its_own() {
    #[with_session]
    async fn nested(db: &mut Session<PgDb>) -> QueryResult<()> {
        select_times_in(db, 1).await?;
        db.savepoint(async |db| select_times_in(db, 1).await)
            .await?;
        select_times_in(db, 1).await
    }
    let bed = warm().await;
    bed.factory.scope(nested()).await.unwrap();
    assert_eq!(round_trips(&bed).await, 4, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn a_raw_connection_costs_one_round_trip_more_for_its_begin() {
    let bed = warm().await;
    bed.factory.scope(raw_select()).await.unwrap();
    bed.proxy().reset_counts();
    bed.factory.scope(raw_select()).await.unwrap();
    assert_eq!(round_trips(&bed).await, 3, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn pre_ping_asks_only_a_connection_that_idled() {
    let bed = warm_with(|_| {}).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    bed.factory.scope(select_times(1)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 3, "{:?}", bed.proxy().sql());
}

#[tokio::test]
async fn pre_ping_can_be_switched_off() {
    let bed = warm().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    bed.proxy().reset_counts();
    bed.factory.scope(select_times(1)).await.unwrap();
    assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
}

#[with_session(read_only)]
async fn only_read(db: &mut Session<PgDb>) -> QueryResult<i64> {
    items::table.count().get_result(db).await
}

/// The number of connections that still wait for an answer when the call has returned.
async fn left_behind(bed: &PgBed, call: impl Future<Output = QueryResult<i64>>) -> u32 {
    bed.factory.scope(call).await.unwrap();
    let status = bed.factory.status();
    round_trips(bed).await;
    assert_eq!(bed.proxy().sql().last().unwrap(), "COMMIT");
    status.recovering
}

#[tokio::test]
async fn a_read_only_function_returns_before_its_commit_is_answered() {
    #[with_session(read_only, timeout = "30s")]
    async fn in_time(db: &mut Session<PgDb>) -> QueryResult<i64> {
        only_read_in(db).await
    }
    let bed = warm().await;
    bed.factory.scope(only_read()).await.unwrap();
    round_trips(&bed).await;
    bed.proxy().reset_counts();
    assert_eq!(left_behind(&bed, only_read()).await, 1);
    assert_eq!(left_behind(&bed, in_time()).await, 1);
    assert_eq!(round_trips(&bed).await, 4, "{:?}", bed.proxy().sql());
    assert_eq!(
        bed.proxy().counts().opened,
        0,
        "the slot was held, and the connection goes on"
    );
}

#[tokio::test]
async fn a_read_only_function_waits_where_commit_can_still_fail() {
    #[with_session(read_only, isolation = "serializable")]
    async fn serializable(db: &mut Session<PgDb>) -> QueryResult<i64> {
        only_read_in(db).await
    }
    #[with_session(read_only, isolation = "serializable", deferrable)]
    async fn deferrable(db: &mut Session<PgDb>) -> QueryResult<i64> {
        only_read_in(db).await
    }
    #[with_session(read_only)]
    async fn notifies(db: &mut Session<PgDb>) -> QueryResult<i64> {
        diesel::sql_query("NOTIFY something").execute(db).await?;
        only_read_in(db).await
    }
    let bed = warm().await;
    assert_eq!(left_behind(&bed, serializable()).await, 0);
    assert_eq!(left_behind(&bed, deferrable()).await, 1);
    assert_eq!(left_behind(&bed, notifies()).await, 0);
    assert_eq!(left_behind(&bed, only_read()).await, 1);
    // The server's default applies if the function has no option.
    let database = bed.database.name().to_owned();
    let admin = bed.database.admin();
    let sql =
        format!("ALTER DATABASE \"{database}\" SET default_transaction_isolation = 'serializable'");
    testbed::postgres::Admin::execute(&admin, &sql).await;
    bed.proxy().sever(testbed::proxy::Action::Close).await;
    testbed::eventually(testbed::PATIENCE, "a new connection", || async {
        bed.factory.scope(only_read()).await.is_ok()
    })
    .await;
    assert_eq!(left_behind(&bed, only_read()).await, 0);
}

#[with_session]
async fn rename(db: &mut Session<PgDb>, id: i32) -> QueryResult<String> {
    diesel::update(items::table.find(id))
        .set(items::name.eq("y"))
        .returning(items::name)
        .get_result(db)
        .await
}

/// diesel would prepare it for each call, at the cost of a round trip.
#[tokio::test]
async fn an_update_that_comes_again_is_kept_prepared() {
    let bed = warm().await;
    bed.run("INSERT INTO items VALUES (1, 'x'), (2, 'x')").await;
    bed.factory.scope(rename(1)).await.unwrap();
    bed.factory.scope(rename(2)).await.unwrap();
    for id in [1, 2, 1] {
        bed.proxy().reset_counts();
        assert_eq!(bed.factory.scope(rename(id)).await.unwrap(), "y");
        assert_eq!(round_trips(&bed).await, 2, "{:?}", bed.proxy().sql());
        assert_eq!(bed.proxy().counts().parses(), 0);
    }
}

#[tokio::test]
async fn texts_that_hold_their_values_are_not_kept_prepared() {
    let bed = warm().await;
    for id in 0..20 {
        bed.factory
            .with_session(async |db| {
                diesel::sql_query(format!("INSERT INTO items VALUES ({id}, 'x')"))
                    .execute(db)
                    .await
            })
            .await
            .unwrap();
    }
    let counts = bed.proxy().counts();
    assert_eq!((counts.parses(), counts.message('C')), (20, 20));
}
