//! PgBouncer in between: what a pooler changes, and what must stay the same.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{PgDb, PgDbConfig, at_rest, create_items, items, pg_config};
use testbed::pgbouncer::{PgBouncer, PoolMode};
use testbed::postgres::Database;
use tokio::sync::Barrier;

const SOON: Duration = testbed::PATIENCE;

struct Bed {
    factory: Factory<PgDb>,
    pooler: PgBouncer,
    database: Database,
}

impl Bed {
    async fn new(mode: PoolMode) -> Self {
        Self::with(mode, 3, |_| {}).await
    }

    async fn with(mode: PoolMode, size: u32, change: impl FnOnce(&mut PgDbConfig)) -> Self {
        let database = testbed::postgres::database().await;
        create_items(&database).await;
        let server = database.endpoint().address();
        let pooler = PgBouncer::with_pool_size(server, mode, size).await;
        let factory = Factory::new(pg_config(&database.url_at(pooler.address()), |config| {
            if mode == PoolMode::Transaction {
                config.statement_cache = Some(0);
            }
            change(config);
        }));
        Self {
            factory,
            pooler,
            database,
        }
    }
}

#[with_session]
async fn add(db: &mut Session<PgDb>, id: i32, name: &str) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq(name)))
        .execute(db)
        .await
}

#[with_session]
async fn name_of(db: &mut Session<PgDb>, id: i32) -> QueryResult<String> {
    items::table.find(id).select(items::name).first(db).await
}

/// Many callers on few server connections: each statement runs where another caller's was prepared.
async fn many_callers(bed: &Bed, calls: i32) {
    let tasks: Vec<_> = (1..=calls)
        .map(|id| {
            let factory = bed.factory.clone();
            tokio::spawn(async move {
                factory
                    .scope(async {
                        let name = format!("name {id}");
                        add(id, &name).await?;
                        assert_eq!(name_of(id).await?, name);
                        QueryResult::Ok(())
                    })
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let count = bed.database.integer("SELECT count(*) FROM items").await;
    assert_eq!(count, i64::from(calls));
}

#[tokio::test]
async fn in_session_mode_everything_works_with_the_statement_cache() {
    let bed = Bed::with(PoolMode::Session, 20, |_| {}).await;
    many_callers(&bed, 100).await;
}

#[tokio::test]
async fn in_transaction_mode_a_statement_cache_of_zero_keeps_callers_apart() {
    let bed = Bed::new(PoolMode::Transaction).await;
    many_callers(&bed, 200).await;
    assert!(bed.factory.status().pooler);
    assert!(bed.database.admin().connections().await <= 3);
    assert!(bed.factory.status().open > 3, "{:?}", bed.factory.status());
}

#[tokio::test]
async fn in_transaction_mode_a_dropped_call_is_cancelled_through_the_pooler() {
    let bed = Bed::new(PoolMode::Transaction).await;
    let admin = bed.database.admin();
    for _ in 0..5 {
        let sleeping = bed
            .factory
            .with_session(async |db| diesel::sql_query("SELECT pg_sleep(60)").execute(db).await);
        let asleep = testbed::eventually(SOON, "it sleeps", async || {
            let activity = admin.activity().await;
            activity
                .iter()
                .any(|backend| backend.wait == "Timeout:PgSleep")
        });
        tokio::select! {
            ended = sleeping => panic!("{ended:?}\n{}", std::fs::read_to_string(bed.pooler.log()).unwrap()),
            () = asleep => {}
        }
        testbed::eventually(SOON, "nothing runs", async || {
            let activity = admin.activity().await;
            activity
                .iter()
                .all(|backend| !backend.is_active() && !backend.in_transaction)
        })
        .await;
        bed.factory
            .scope(async { name_of(1).await.unwrap_err() })
            .await;
    }
    at_rest(&bed.factory).await;
}

#[tokio::test]
async fn cancelling_one_caller_through_the_pooler_never_hits_another() {
    let bed = Bed::with(PoolMode::Transaction, 2, |config| {
        config.pool_size = 8;
        config.max_overflow = 0;
    })
    .await;
    let until = Instant::now() + Duration::from_secs(5);
    let dropping: Vec<_> = (0..4)
        .map(|_| {
            let factory = bed.factory.clone();
            tokio::spawn(async move {
                let mut dropped = 0;
                while Instant::now() < until {
                    let call = factory.with_session(async |db| {
                        diesel::sql_query("SELECT pg_sleep(0.02)").execute(db).await
                    });
                    let limit = Duration::from_millis(10);
                    dropped += u32::from(tokio::time::timeout(limit, call).await.is_err());
                }
                dropped
            })
        })
        .collect();
    let others: Vec<_> = (0..4)
        .map(|_| {
            let factory = bed.factory.clone();
            tokio::spawn(async move {
                let mut finished = 0;
                while Instant::now() < until {
                    let call = factory.with_session(async |db| {
                        diesel::sql_query("SELECT pg_sleep(0.005)")
                            .execute(db)
                            .await
                    });
                    call.await.unwrap();
                    finished += 1;
                }
                finished
            })
        })
        .collect();
    for task in dropping {
        assert!(task.await.unwrap() > 10);
    }
    for task in others {
        let finished: u32 = task.await.unwrap();
        assert!(finished > 10, "{finished}");
    }
}

/// The answers of all of the pooler's server connections: one concurrent caller for each.
async fn everywhere(bed: &Bed, sessions: usize, sql: &'static str) -> Vec<String> {
    let barrier = Arc::new(Barrier::new(sessions));
    let tasks: Vec<_> = (0..sessions)
        .map(|_| {
            let (factory, barrier) = (bed.factory.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                factory
                    .with_session(async |db| {
                        let answer = diesel::dsl::sql::<diesel::sql_types::Text>(sql);
                        let answer = diesel::select(answer).get_result(db).await;
                        // Each caller is now in a transaction, on its own server connection.
                        barrier.wait().await;
                        answer
                    })
                    .await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        let answer: QueryResult<String> = task.await.unwrap();
        answers.push(answer.unwrap());
    }
    answers
}

#[tokio::test]
async fn what_a_session_set_reaches_nobody_whatever_server_session_it_was() {
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        let bed = Bed::with(mode, 4, |config| {
            config.pool_size = 8;
        })
        .await;
        let settings = "concat_ws(' ', current_setting('search_path'), current_setting('TimeZone'), \
                        current_setting('work_mem'), current_role, \
                        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()))";
        let before = everywhere(&bed, 4, settings).await;
        assert!(
            before.iter().all(|one| *one == before[0]),
            "{mode:?}: {before:?}"
        );
        let changes = [
            "SET search_path = elsewhere; SET TIME ZONE 'Asia/Tokyo'",
            "SELECT set_config('work_mem', '99kB', false)",
            "SET ROLE reader",
            "SELECT pg_advisory_lock(7)",
        ];
        for change in changes {
            for commits in [true, false] {
                let session = bed.factory.session();
                let changed: Result<(), SessionError> = session
                    .run(async |db| {
                        db.batch_execute(change).await?;
                        if commits {
                            Ok(())
                        } else {
                            Err(diesel::result::Error::RollbackTransaction.into())
                        }
                    })
                    .await;
                assert_eq!(changed.is_ok(), commits, "{mode:?}: {change}");
                let after = everywhere(&bed, 4, settings).await;
                assert_eq!(after, before, "{mode:?}: {change}, committed: {commits}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_dropped_at_whatever_poll_leaves_nothing_prepared_on_a_server_session() {
    let bed = Bed::with(PoolMode::Transaction, 3, |config| {
        config.pool_size = 6;
    })
    .await;
    let count = "(SELECT count(*)::text FROM pg_prepared_statements)";
    // The query itself is prepared too.
    let alone = vec!["1".to_owned(); 3];
    assert_eq!(everywhere(&bed, 3, count).await, alone);
    bed.factory
        .scope(async {
            for polls in 1..40 {
                let _dropped = testbed::polls::drop_at(polls, name_of(1)).await;
            }
        })
        .await;
    at_rest(&bed.factory).await;
    assert_eq!(everywhere(&bed, 3, count).await, alone);
}

#[tokio::test]
async fn a_statement_cache_is_off_behind_a_pooler_unless_it_is_asked_for() {
    let bed = Bed::with(PoolMode::Transaction, 3, |config| {
        config.statement_cache = None;
    })
    .await;
    many_callers(&bed, 50).await;
}

#[tokio::test]
async fn the_time_zone_is_utc_on_whatever_server_connection_a_transaction_lands() {
    let bed = Bed::with(PoolMode::Transaction, 5, |config| {
        config.pool_size = 10;
    })
    .await;
    let sql = format!(
        "ALTER ROLE app IN DATABASE {} SET timezone = 'Asia/Tokyo'",
        bed.database.name()
    );
    bed.database.admin().rows(&sql).await;
    let zones = everywhere(&bed, 5, "current_setting('TimeZone')").await;
    assert_eq!(zones, vec!["UTC"; 5]);
}

#[tokio::test]
async fn statement_mode_is_refused_when_it_connects_and_says_what_to_change() {
    let bed = Bed::new(PoolMode::Statement).await;
    let error = bed.factory.init().await.unwrap_err();
    let SessionError::Acquire(error) = error else {
        panic!("{error}");
    };
    assert!(error.connect_error().unwrap().is_permanent());
    let text = error.to_string();
    assert!(
        text.contains("statement mode") && text.contains("pool_mode = transaction"),
        "{text}"
    );
}

#[tokio::test]
async fn a_pooler_that_restarts_is_found_again() {
    let bed = Bed::new(PoolMode::Transaction).await;
    bed.factory
        .scope(async { add(1, "Ada").await.unwrap() })
        .await;
    bed.pooler.stop().await;
    bed.factory
        .scope(async { name_of(1).await.unwrap_err() })
        .await;
    bed.pooler.start_again().await;
    bed.factory
        .scope(async {
            testbed::eventually(SOON, "calls succeed again", async || {
                name_of(1).await.is_ok()
            })
            .await;
        })
        .await;
}

#[tokio::test]
async fn a_statement_timeout_holds_behind_a_pooler() {
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        let bed = Bed::with(mode, 2, |config| {
            config.statement_timeout = Some(Duration::from_millis(200));
        })
        .await;
        let slow = bed
            .factory
            .with_session(async |db| diesel::sql_query("SELECT pg_sleep(60)").execute(db).await);
        let started = Instant::now();
        let error = slow.await.unwrap_err().to_string();
        assert!(error.contains("statement timeout"), "{mode:?}: {error}");
        assert!(started.elapsed() < SOON);
    }
}
