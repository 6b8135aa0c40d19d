//! SQLite's threads: how many times a caller waits for one, and the order of writers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, LiteDbConfig, items};
use testbed::polls;
use testbed::sqlite::Database;

const SOON: Duration = testbed::PATIENCE;

#[with_session]
async fn put(db: &mut Session<LiteDb>, ids: std::ops::Range<i32>) -> QueryResult<()> {
    for id in ids {
        diesel::insert_into(items::table)
            .values((items::id.eq(id), items::name.eq("x")))
            .execute(db)
            .await?;
    }
    Ok(())
}

#[with_session]
async fn put_last(db: &mut Session<LiteDb>, id: i32) -> Result<usize, SessionError> {
    let put = diesel::insert_into(items::table).values((items::id.eq(id), items::name.eq("x")));
    db.commit_with(put).await
}

#[with_session(read_only)]
async fn look(db: &mut Session<LiteDb>) -> QueryResult<i64> {
    items::table.count().get_result(db).await
}

/// A bed with two connections that are open.
async fn warm() -> LiteBed {
    let bed = LiteBed::with(|config| {
        config.pool_size = 2;
        config.max_overflow = 0;
    })
    .await;
    let first = bed.factory.create_session().await.unwrap();
    let second = bed.factory.create_session().await.unwrap();
    drop((first, second));
    bed
}

/// The greatest number of times that a call waits for another thread. A call is polled once at
/// first, and once more for each thread that it waited for.
async fn most_hops<T>(bed: &LiteBed, call: impl AsyncFn(i32) -> Result<T, SessionError>) -> usize {
    let mut most = 0;
    for attempt in 0..50 {
        testbed::eventually(SOON, "both connections are back", || async {
            bed.factory.status().idle == 2
        })
        .await;
        let (result, polls) = polls::count(bed.factory.scope(call(attempt))).await;
        result.unwrap();
        most = most.max(polls - 1);
    }
    most
}

#[tokio::test]
async fn a_transaction_of_one_statement_takes_two_thread_hops_and_a_read_only_one_takes_one() {
    let bed = warm().await;
    assert_eq!(
        most_hops(&bed, async |id| Ok(put(id..id + 1).await?)).await,
        2
    );
    assert_eq!(most_hops(&bed, async |_| Ok(look().await?)).await, 1);
    assert_eq!(
        most_hops(&bed, async |id| put_last(100 + id).await).await,
        1
    );
    assert_eq!(bed.count().await, 100);
}

#[tokio::test]
async fn a_read_only_transaction_is_over_and_its_connection_back_when_its_call_returns() {
    let bed = warm().await;
    bed.factory.scope(put(0..1)).await.unwrap();
    for _ in 0..50 {
        // Only a checkpoint without a reader in its way empties the log.
        assert_eq!(bed.factory.scope(look()).await.unwrap(), 1);
        assert_eq!(bed.factory.status().idle, 2);
        let mut outside = bed.database.connection();
        let checkpoint = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)");
        let found: Vec<Checkpoint> = diesel::RunQueryDsl::load(checkpoint, &mut outside).unwrap();
        assert!(found.iter().all(|found| found.busy == 0));
        Database::execute(&bed.database, "UPDATE items SET name = 'y'");
    }
}

#[derive(QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

#[tokio::test]
async fn slow_readers_keep_nobody_waiting() {
    let bed = LiteBed::with(|config| {
        config.pool_size = 4;
        config.max_overflow = 0;
    })
    .await;
    let slow: Vec<_> = (0..3)
        .map(|_| tokio::spawn(bed.factory.scope(endless())))
        .collect();
    testbed::eventually(SOON, "the slow ones run", || async {
        bed.factory.status().in_use == 3
    })
    .await;
    for _ in 0..50 {
        let quick = tokio::time::timeout(SOON, bed.factory.scope(look()));
        quick.await.expect("it has a thread").unwrap();
    }
    for slow in slow {
        assert!(!slow.is_finished());
        slow.abort();
    }
    testbed::eventually(SOON, "the slow ones have stopped", || async {
        bed.factory.status().idle == 4
    })
    .await;
}

/// A statement that ends when its caller is dropped, which is checked at each row.
#[with_session(read_only)]
async fn endless(db: &mut Session<LiteDb>) -> QueryResult<Vec<Number>> {
    diesel::sql_query(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers) \
         SELECT n AS _n FROM numbers WHERE n % 100000 = 0",
    )
    .get_results(db)
    .await
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    _n: i64,
}

#[tokio::test]
async fn more_statements_take_one_thread_hop_each_and_one_for_the_commit() {
    let bed = warm().await;
    let put_five = async |id: i32| Ok(put(5 * id..5 * id + 5).await?);
    assert_eq!(most_hops(&bed, put_five).await, 6);
    assert_eq!(bed.count().await, 250);
}

#[tokio::test]
async fn waiting_for_the_turn_to_write_takes_no_thread_hop_more() {
    let bed = warm().await;
    let mut first = bed.factory.create_session().await.unwrap();
    put_in(&mut first, 0..1).await.unwrap();
    let waiting = tokio::spawn(polls::count(bed.factory.scope(put(1..2))));
    second_is_asked_for(&bed).await;
    first.commit().await.unwrap();
    let (result, polls) = waiting.await.unwrap();
    result.unwrap();
    assert!(polls <= 3, "{polls} polls");
}

/// Waits until the caller's connection and the next caller's are borrowed.
async fn second_is_asked_for(bed: &LiteBed) {
    testbed::eventually(SOON, "the second connection is out", || async {
        bed.factory.status().in_use == 2
    })
    .await;
}

#[tokio::test]
async fn writers_come_in_the_order_in_which_they_asked() {
    let bed = LiteBed::with(|config| config.pool_size = 12).await;
    let mut first = bed.factory.create_session().await.unwrap();
    put_in(&mut first, 0..1).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = Vec::new();
    for id in 1..10 {
        let (factory, order) = (bed.factory.clone(), Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            let mut db = factory.create_session().await?;
            put_in(&mut db, id..id + 1).await?;
            order.lock().unwrap().push(id);
            db.commit().await
        }));
        // The call joins the writers' queue in the same poll in which it gets its connection.
        let out = u32::try_from(id + 1).unwrap();
        testbed::eventually(SOON, "it waits for its turn", || async {
            bed.factory.status().in_use == out
        })
        .await;
    }
    first.commit().await.unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (1..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_writer_that_gives_up_waiting_gives_its_connection_back_at_once() {
    let bed = warm().await;
    let mut first = bed.factory.create_session().await.unwrap();
    put_in(&mut first, 0..1).await.unwrap();
    for way in 0..3 {
        let factory = bed.factory.clone();
        let waiting = tokio::spawn(async move {
            match way {
                0 => drop(factory.scope(put(1..2)).await),
                1 => drop(factory.scope(put_last(1)).await),
                _ => {
                    let mut db = factory.create_session().await.unwrap();
                    drop(db.connection().await);
                }
            }
        });
        second_is_asked_for(&bed).await;
        waiting.abort();
        testbed::eventually(SOON, "its connection is back", || async {
            bed.factory.status().idle == 1
        })
        .await;
        assert_eq!(
            bed.factory.scope(look()).await.unwrap(),
            0,
            "nobody has committed"
        );
        testbed::eventually(SOON, "the reader's too", || async {
            bed.factory.status().idle == 1
        })
        .await;
    }
    first.commit().await.unwrap();
    bed.factory.scope(put(1..2)).await.unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_transaction_that_ends_by_itself_ends_its_turn() {
    let bed = warm().await;
    for (id, text) in [
        (0, "COMMIT"),
        (1, "ROLLBACK"),
        (2, "COMMIT; BEGIN IMMEDIATE"),
    ] {
        let ended = bed.factory.with_session(async |db| {
            put_in(db, id..id + 1).await?;
            db.batch_execute(text).await?;
            Ok::<_, AppError>(())
        });
        let _its_outcome_is_told_elsewhere = ended.await;
        // Others wait for a session that keeps its turn, up to `BUSY_LIMIT`.
        let next = tokio::time::timeout(SOON, bed.factory.scope(put(10 + id..11 + id)));
        next.await.expect("its turn comes").unwrap();
    }
}

// A lent connection runs statements through diesel-async. A dropped diesel-async statement blocks
// its thread, which is impossible on a current-thread runtime (fact 11).
#[tokio::test(flavor = "multi_thread")]
async fn a_lent_connection_comes_back_wherever_its_session_is_dropped() {
    let bed = LiteBed::one_connection().await;
    let mut done = false;
    for polls in 0.. {
        if done {
            break;
        }
        Database::execute(&bed.database, "DELETE FROM items");
        let call = async {
            let mut db = bed.factory.create_session().await?;
            let raw = db.connection().await?;
            raw.batch_execute("INSERT INTO items VALUES (1, 'raw')")
                .await?;
            db.commit().await?;
            put_in(&mut db, 2..3).await?;
            let raw = db.connection().await?;
            raw.batch_execute("INSERT INTO items VALUES (3, 'raw')")
                .await?;
            put_in(&mut db, 4..5).await?;
            db.commit().await
        };
        if let Some(result) = polls::drop_at(polls, call).await {
            result.unwrap();
            done = true;
        }
        // Each of the two was committed or not, and nothing blocks the next call.
        bed.factory.scope(put(5..6)).await.unwrap();
        let count = bed.count().await;
        assert!(
            [1, 2, 5].contains(&count),
            "{count} rows after poll {polls}"
        );
        testbed::eventually(SOON, "one connection, and it is back", || async {
            let status = bed.factory.status();
            (status.open, status.idle) == (1, 1)
        })
        .await;
    }
    assert_eq!(bed.count().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_read_waits_for_no_statement_of_a_connection_that_shares_its_cache() {
    let url = "sqlite://file:shared_by_two?mode=memory&cache=shared".to_owned();
    let config = LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.clone()));
    let mut config = config.unwrap();
    config.pool_size = 2;
    let factory = Factory::<LiteDb>::new(config);
    let made = factory.with_session(async |db| {
        db.batch_execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .await
    });
    made.await.unwrap();
    let (read, has_read) = tokio::sync::oneshot::channel();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let slow = tokio::spawn({
        let factory = factory.clone();
        async move {
            has_read.await.unwrap();
            let read = factory.session().read_only();
            read.run(async move |db| {
                look_in(db).await?;
                begun.send(()).unwrap();
                // This statement holds the shared lock until it ends.
                diesel::sql_query(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) \
                     SELECT count(*) AS _n FROM n WHERE i > (SELECT count(*) FROM items)",
                )
                .load::<Number>(db)
                .await
            })
            .await
        }
    });
    let quick = factory.session().read_only();
    quick
        .run(async move |db| {
            look_in(db).await?;
            read.send(()).unwrap();
            has_begun.await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    // If `quick` had waited for `slow`, `slow` would have ended by now.
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(!slow.is_finished(), "it waited for the other's statement");
    slow.await.unwrap().unwrap();
}
