//! The options of `#[with_session(…)]` do the same as the builder's (`retry.rs`, `timeout.rs`,
//! `transactions.rs`, `detach.rs`). Also tests what only the attribute has.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb, items};
use testbed::proxy::Direction;
use tokio::sync::Barrier;

async fn insert_raw(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

/// Reads one row and writes the other. Returns the number of attempts.
#[with_session(isolation = "serializable", retry = 5)]
async fn skew(
    db: &mut Session<PgDb>,
    read: i32,
    write: i32,
    meet: Arc<Barrier>,
) -> Result<u32, AppError> {
    skew_once_in(db, read, write, &meet).await
}

#[with_session(isolation = "serializable")]
async fn skew_once(
    db: &mut Session<PgDb>,
    read: i32,
    write: i32,
    meet: &Barrier,
) -> Result<u32, AppError> {
    let name: String = items::table
        .find(read)
        .select(items::name)
        .first(db)
        .await?;
    if db.attempt() == 1 {
        meet.wait().await;
    }
    diesel::update(items::table.find(write))
        .set(items::name.eq(format!("{name}!")))
        .execute(db)
        .await?;
    Ok(db.attempt())
}

#[tokio::test]
async fn two_serializable_functions_that_conflict_both_succeed_with_retry() {
    let bed = PgBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let meet = Arc::new(Barrier::new(2));
    let (one, two) = tokio::join!(
        bed.factory.scope(skew(1, 2, Arc::clone(&meet))),
        bed.factory.scope(skew(2, 1, Arc::clone(&meet)))
    );
    let attempts = [one.unwrap(), two.unwrap()];
    assert!(attempts.contains(&1) && attempts.iter().any(|attempt| *attempt > 1));
}

#[tokio::test]
async fn and_one_fails_without() {
    let bed = PgBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let meet = Barrier::new(2);
    let (one, two) = tokio::join!(
        bed.factory.scope(skew_once(1, 2, &meet)),
        bed.factory.scope(skew_once(2, 1, &meet))
    );
    assert_ne!(one.is_ok(), two.is_ok());
}

#[derive(Clone)]
struct Owned(String);

#[with_session(retry(max = 3, base = "1ms", cap = "5ms"))]
async fn with_arguments<T: Clone + Send + Sync>(
    db: &mut Session<PgDb>,
    owned: Owned,
    borrowed: &str,
    seen: &mut Vec<u32>,
    (a, b): (i32, i32),
    other: impl Into<String> + Clone + Send + Sync,
    last: T,
) -> Result<(String, T), AppError> {
    seen.push(db.attempt());
    if db.attempt() < 3 {
        db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
            .await?;
    }
    insert_raw(db, a + b).await?;
    Ok((format!("{}{borrowed}{}", owned.0, other.into()), last))
}

#[tokio::test]
async fn retry_gives_each_attempt_its_arguments() {
    let bed = PgBed::new().await;
    let mut seen = Vec::new();
    let call = with_arguments(Owned("a".into()), "b", &mut seen, (1, 2), "c", 7_u8);
    let (text, last) = bed.factory.scope(call).await.unwrap();
    assert_eq!((text.as_str(), last), ("abc", 7));
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(bed.count().await, 1);
}

struct Service {
    id: i32,
}

impl Service {
    #[with_session(retry = 2, timeout = "5s")]
    async fn by_reference(&self, db: &mut Session<PgDb>) -> Result<u32, AppError> {
        if db.attempt() == 1 {
            db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")
                .await?;
        }
        insert_raw(db, self.id).await?;
        Ok(db.attempt())
    }

    #[with_session(retry = 2)]
    async fn by_unique_reference(&mut self, db: &mut Session<PgDb>) -> Result<u32, AppError> {
        self.id += 1;
        if db.attempt() == 1 {
            db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")
                .await?;
        }
        insert_raw(db, self.id).await?;
        Ok(db.attempt())
    }

    #[with_session(detach)]
    async fn detached(self: Arc<Self>, db: &mut Session<PgDb>) -> Result<(), AppError> {
        db.batch_execute("SELECT pg_sleep(0.2)").await?;
        insert_raw(db, self.id).await?;
        Ok(())
    }
}

#[tokio::test]
async fn retry_and_detach_work_on_methods() {
    let bed = PgBed::new().await;
    let mut service = Service { id: 1 };
    assert_eq!(bed.factory.scope(service.by_reference()).await.unwrap(), 2);
    let attempts = bed.factory.scope(service.by_unique_reference()).await;
    assert_eq!((attempts.unwrap(), service.id), (2, 3));
    let service = Arc::new(Service { id: 9 });
    let call = Box::pin(bed.factory.scope(Arc::clone(&service).detached()));
    tokio::time::timeout(Duration::from_millis(50), call)
        .await
        .unwrap_err();
    testbed::eventually(testbed::PATIENCE, "it ends by itself", || async {
        bed.count().await == 3
    })
    .await;
}

#[tokio::test]
async fn shutdown_waits_for_a_detached_function_whose_caller_is_gone() {
    let bed = PgBed::new().await;
    let service = Arc::new(Service { id: 9 });
    let mut call = Box::pin(bed.factory.scope(Arc::clone(&service).detached()));
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        () = testbed::eventually(testbed::PATIENCE, "it has begun", || async {
            bed.factory.status().in_use == 1
        }) => {}
    }
    drop(call);
    let report = bed.factory.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean());
    assert_eq!(bed.count().await, 1);
}

#[with_session(timeout = "200ms")]
async fn slow(db: &mut Session<PgDb>) -> Result<(), AppError> {
    db.batch_execute("SELECT pg_sleep(60)").await?;
    Ok(())
}

#[tokio::test]
async fn timeout_stops_the_query_on_the_server() {
    let bed = PgBed::new().await;
    let started = Instant::now();
    let error = bed.factory.scope(slow()).await.unwrap_err();
    assert!(started.elapsed() < testbed::PATIENCE);
    let text = error.to_string();
    assert!(
        text.starts_with("slow did not finish within its timeout of 200ms"),
        "{text}"
    );
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
}

#[with_session(read_only)]
async fn writes_all_the_same(db: &mut Session<PgDb>) -> Result<(), AppError> {
    insert_raw(db, 1).await?;
    Ok(())
}

#[with_session(PgDb, read_only, isolation = "serializable", deferrable)]
async fn modes(db: &mut AsyncPgConnection) -> QueryResult<i64> {
    diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "SELECT (current_setting('transaction_deferrable') = 'on' \
         AND current_setting('transaction_read_only') = 'on' \
         AND current_setting('transaction_isolation') = 'serializable')::int::bigint",
    )
    .get_result(db)
    .await
}

#[tokio::test]
async fn a_read_only_function_that_writes_gets_the_servers_refusal() {
    let bed = PgBed::new().await;
    let error = bed.factory.scope(writes_all_the_same()).await.unwrap_err();
    assert!(
        error.to_string().contains("read-only transaction"),
        "{error}"
    );
}

#[with_session(savepoint)]
async fn three(db: &mut Session<PgDb>, first: i32) -> Result<(), AppError> {
    insert_raw(db, first).await?;
    two_in(db, first + 1).await
}

#[with_session(savepoint)]
async fn two(db: &mut Session<PgDb>, first: i32) -> Result<(), AppError> {
    insert_raw(db, first).await?;
    one_in(db, first + 1).await
}

#[with_session(savepoint)]
async fn one(db: &mut Session<PgDb>, first: i32) -> Result<(), AppError> {
    insert_raw(db, first).await?;
    Ok(())
}

#[tokio::test]
async fn three_nested_savepoints_cost_no_round_trip_of_their_own() {
    let bed = PgBed::proxied(|config| config.pool_pre_ping = false).await;
    // Warms up: the connection has run BEGIN once and prepared its statement.
    bed.factory.scope(three(1)).await.unwrap();
    // Requests sent before a delayed answer arrives belong to one round trip.
    bed.proxy()
        .delay(Direction::ToClient, Duration::from_millis(80));
    let before = bed.proxy().counts().round_trips;
    bed.factory.scope(three(11)).await.unwrap();
    assert_eq!(
        bed.proxy().counts().round_trips - before,
        4,
        "{:?}",
        bed.proxy().sql()
    );
    assert_eq!(bed.count().await, 6);
}

#[with_session]
async fn tries(db: &mut Session<PgDb>) -> Result<(), AppError> {
    insert_raw(db, 1).await?;
    // The first statement of the second savepoint fails, and then everything inside it.
    one_in(db, 2).await?;
    let failed = two_in(db, 2).await;
    assert!(matches!(failed, Err(AppError::Query(_))));
    insert_raw(db, 3).await?;
    Ok(())
}

#[tokio::test]
async fn an_err_from_a_savepoint_function_leaves_the_outer_transaction_usable() {
    let bed = PgBed::new().await;
    bed.factory.scope(tries()).await.unwrap();
    assert_eq!(bed.count().await, 3);
}

type Notes = Arc<Mutex<Vec<&'static str>>>;

fn note(notes: &Notes, what: &'static str) -> impl Future<Output = ()> + Send + 'static + use<> {
    let notes = Arc::clone(notes);
    async move { notes.lock().unwrap().push(what) }
}

#[with_session(savepoint)]
async fn notes_and_fails(db: &mut Session<PgDb>, notes: &Notes) -> Result<(), AppError> {
    insert_raw(db, 1).await?;
    db.after_commit(note(notes, "of what was rolled back"));
    Err(AppError::Refused("only the savepoint"))
}

#[with_session]
async fn goes_on(db: &mut Session<PgDb>, notes: &Notes) -> Result<(), AppError> {
    db.after_commit(note(notes, "before"));
    notes_and_fails_in(db, notes).await.unwrap_err();
    db.after_commit(note(notes, "after"));
    insert_raw(db, 2).await?;
    Ok(())
}

#[tokio::test]
async fn hooks_of_a_savepoint_function_that_failed_are_dropped() {
    let bed = PgBed::new().await;
    let notes = Notes::default();
    bed.factory.scope(goes_on(&notes)).await.unwrap();
    assert_eq!(*notes.lock().unwrap(), ["before", "after"]);
    assert_eq!(bed.count().await, 1);
}

fn keep(result: &Result<(), AppError>) -> bool {
    matches!(result, Ok(()) | Err(AppError::Refused("keep")))
}

#[with_session(commit_on = keep)]
async fn decides(db: &mut Session<PgDb>, id: i32, why: &'static str) -> Result<(), AppError> {
    insert_raw(db, id).await?;
    Err(AppError::Refused(why))
}

#[tokio::test]
async fn commit_on_decides() {
    let bed = PgBed::new().await;
    bed.factory.scope(decides(1, "keep")).await.unwrap_err();
    bed.factory.scope(decides(2, "drop")).await.unwrap_err();
    assert_eq!(bed.count().await, 1);
}

#[with_session(requires_new)]
async fn independent(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    insert_raw(db, id).await?;
    Ok(())
}

#[with_session]
async fn audits_and_fails(db: &mut Session<PgDb>) -> Result<(), AppError> {
    insert_raw(db, 1).await?;
    independent(2).await?;
    Err(AppError::Refused("after the audit"))
}

#[tokio::test]
async fn requires_new_outlives_the_outer_rollback() {
    let bed = PgBed::new().await;
    bed.factory.scope(audits_and_fails()).await.unwrap_err();
    assert_eq!(bed.count().await, 1);
}

#[with_session(immediate, joined = "put")]
async fn put_alone(db: &mut Session<LiteDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

#[with_session(isolation = "serializable", savepoint, retry = 1, timeout = "1m")]
async fn put_twice(db: &mut Session<LiteDb>) -> QueryResult<usize> {
    Ok(put(db, 1).await? + put(db, 2).await?)
}

#[with_session(read_only)]
async fn cannot_put(db: &mut Session<LiteDb>) -> QueryResult<usize> {
    put(db, 3).await
}

#[tokio::test]
async fn sqlite_has_its_options_too() {
    let bed = LiteBed::new().await;
    assert_eq!(bed.factory.scope(put_twice()).await.unwrap(), 2);
    assert_eq!(bed.factory.scope(put_alone(4)).await.unwrap(), 1);
    bed.factory.scope(cannot_put()).await.unwrap_err();
    assert_eq!(bed.count().await, 3);
}

#[with_session(detach, timeout = "5s", retry = 2)]
async fn everything(db: &mut Session<PgDb>, id: i32, name: String) -> Result<u32, SessionError> {
    if db.attempt() == 1 {
        db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
            .await?;
    }
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq(name)))
        .execute(db)
        .await?;
    Ok(db.attempt())
}

#[tokio::test]
async fn options_compose() {
    let bed = PgBed::new().await;
    let attempts = Box::pin(bed.factory.scope(everything(1, "x".into()))).await;
    assert_eq!(attempts.unwrap(), 2);
    let modes = bed.factory.scope(modes()).await;
    assert_eq!(modes.unwrap(), 1);
}
