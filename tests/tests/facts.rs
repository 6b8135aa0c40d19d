//! The known traps of diesel-async and bb8, one test for each that applies here, under its number
//! in the project's list (`session-factory/docs/guide/guarantees.md`). Facts 4 and 5 are MySQL's.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use session_factory::{ConnectErrorKind, Factory, SessionError};
use session_factory_tests::{AppError, LiteBed, PgBed, PgDb, items, pg_config};

async fn one_connection() -> PgBed {
    PgBed::one_connection().await
}

#[tokio::test]
async fn fact_01_commit_answered_with_rollback_is_not_ok() {
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            db.batch_execute("INSERT INTO items VALUES (1, 'kept?')")
                .await?;
            let _swallowed = db.batch_execute("SELECT no_such_column").await;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(
        matches!(result, Err(AppError::Session(SessionError::Aborted(_)))),
        "{result:?}"
    );
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn fact_02_a_cancelled_call_stops_on_the_server_and_is_not_replaced_before_that() {
    let bed = one_connection().await;
    let admin = bed.database.admin();
    for _ in 0..10 {
        let call = bed.factory.with_session(async |db| {
            db.batch_execute("SELECT pg_sleep(60)").await?;
            Ok::<_, AppError>(())
        });
        tokio::time::timeout(Duration::from_millis(50), call)
            .await
            .unwrap_err();
        assert!(admin.connections().await <= 1);
    }
    testbed::eventually(testbed::PATIENCE, "the server is idle", || async {
        admin
            .activity()
            .await
            .iter()
            .all(|backend| !backend.is_active())
    })
    .await;
}

#[tokio::test]
async fn fact_03_the_next_borrower_does_not_wait_behind_a_cancelled_query() {
    let bed = one_connection().await;
    let mut db = bed.factory.create_session().await.unwrap();
    // On the raw connection, after its transaction ended: only the protocol shows the query.
    db.batch_execute("SELECT 1; COMMIT").await.unwrap();
    let raw = db.connection().await.unwrap();
    let sleep = raw.batch_execute("COMMIT; SELECT pg_sleep(60)");
    tokio::time::timeout(Duration::from_millis(100), sleep)
        .await
        .unwrap_err();
    drop(db);
    let started = Instant::now();
    bed.factory.health().await.unwrap();
    assert!(started.elapsed() < testbed::PATIENCE);
}

#[tokio::test]
async fn fact_06_a_deadlock_has_its_sqlstate_and_counts_as_transient() {
    let bed = PgBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let meet = &tokio::sync::Barrier::new(2);
    let lock = |first: i32, second: i32| {
        let factory = bed.factory.clone();
        async move {
            factory
                .with_session(async |db| {
                    for id in [first, second] {
                        // The body ignores the error on purpose: `Aborted` must contain it.
                        let _swallowed = diesel::update(items::table.find(id))
                            .set(items::name.eq("locked"))
                            .execute(db)
                            .await;
                        if id == first {
                            meet.wait().await;
                        }
                    }
                    Ok::<_, AppError>(())
                })
                .await
        }
    };
    let (one, two) = tokio::join!(lock(1, 2), lock(2, 1));
    let error = one.and(two).unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = error else {
        panic!("{error:?}")
    };
    let statement = aborted.statement().unwrap();
    assert_eq!(statement.sqlstate(), Some("40P01"));
    assert!(statement.is_transient());
}

#[tokio::test]
async fn fact_07_an_error_in_mid_stream_is_seen() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        #[allow(dead_code)]
        n: i32,
    }
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            let rows =
                diesel::sql_query("SELECT 1 / (300 - n) AS n FROM generate_series(1, 600) n")
                    .load_stream::<Row>(db)
                    .await?;
            let seen = rows
                .filter(|row| std::future::ready(row.is_ok()))
                .count()
                .await;
            assert!(seen < 600);
            Ok::<_, AppError>(())
        })
        .await;
    assert!(
        matches!(result, Err(AppError::Session(SessionError::Aborted(_)))),
        "{result:?}"
    );
}

#[tokio::test]
async fn fact_08_set_begin_and_listen_do_not_reach_the_next_borrower() {
    #[derive(QueryableByName, Debug)]
    struct State {
        #[diesel(sql_type = diesel::sql_types::Text)]
        state: String,
    }
    let bed = one_connection().await;
    let ask = || async {
        bed.factory
            .with_session(async |db| {
                let state: State = diesel::sql_query(
                    "SELECT current_setting('search_path') || current_setting('statement_timeout') \
                     || (SELECT count(*) FROM pg_listening_channels()) AS state",
                )
                .get_result(db)
                .await?;
                Ok::<_, AppError>(state.state)
            })
            .await
            .unwrap()
    };
    let before = ask().await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute("SET search_path = nowhere; SET statement_timeout = 12345; LISTEN news")
        .await
        .unwrap();
    db.commit().await.unwrap();
    db.connection()
        .await
        .unwrap()
        .batch_execute("COMMIT; BEGIN; INSERT INTO items VALUES (9, 'raw')")
        .await
        .unwrap_err();
    drop(db);
    assert_eq!(ask().await, before);
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute("COMMIT; BEGIN; INSERT INTO items VALUES (9, 'raw')")
        .await
        .unwrap();
    drop(db);
    assert_eq!(ask().await, before);
    assert_eq!(bed.count().await, 0, "the raw transaction is rolled back");
}

#[tokio::test]
async fn fact_09_no_ping_on_a_busy_connection_and_connect_errors_are_told() {
    let bed = PgBed::one_proxied_connection().await;
    let query = || {
        bed.factory
            .with_session(async |db| db.batch_execute("SELECT 7").await)
    };
    query().await.unwrap();
    bed.proxy().reset_counts();
    for _ in 0..10 {
        query().await.unwrap();
    }
    let sql = bed.proxy().sql();
    assert_eq!(
        sql.len(),
        30,
        "BEGIN, SELECT and COMMIT, ten times: {sql:?}"
    );

    let url = bed.database.url_with_password("not-this-one");
    let factory = Factory::<PgDb>::new(pg_config(&url, |_| {}));
    let Err(SessionError::Acquire(error)) = factory.init().await else {
        panic!("a wrong password connects")
    };
    assert_eq!(
        error.connect_error().unwrap().kind(),
        ConnectErrorKind::Authentication
    );
    assert!(!error.to_string().contains("Timed out"), "{error}");
}

#[test]
fn fact_10_no_slot_is_lost_when_a_runtime_dies_while_it_connects() {
    let outer = tokio::runtime::Runtime::new().unwrap();
    let bed = outer.block_on(PgBed::proxied(|config| {
        config.pool_size = 2;
        config.max_overflow = 0;
        config.pool_timeout = Duration::from_secs(10);
    }));
    bed.proxy().delay(
        testbed::proxy::Direction::ToClient,
        Duration::from_millis(20),
    );
    for _ in 0..5 {
        let dying = tokio::runtime::Runtime::new().unwrap();
        for _ in 0..4 {
            let factory = bed.factory.clone();
            dying.spawn(async move { factory.health().await });
        }
        std::thread::sleep(Duration::from_millis(30));
        dying.shutdown_background();
    }
    outer.block_on(async {
        let both = futures_util::future::join_all([
            bed.factory.create_session(),
            bed.factory.create_session(),
        ])
        .await;
        assert!(both.iter().all(Result::is_ok), "{both:?}");
    });
}

#[tokio::test]
async fn fact_11_sqlite_statements_keep_their_order_and_may_be_dropped_anywhere() {
    // On a current-thread runtime, diesel-async's own future panics when it is dropped.
    let bed = LiteBed::new().await;
    for round in 0..20 {
        let call = bed.factory.with_session(async move |db| {
            for id in 0..20 {
                let id = round * 100 + id;
                db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
                    .await?;
                let last: i32 = items::table
                    .select(items::id)
                    .order(items::id.desc())
                    .first(db)
                    .await?;
                assert_eq!(last, id, "a statement overtook another");
            }
            Err::<(), _>(AppError::Refused("no"))
        });
        let _dropped = testbed::polls::drop_at(usize::try_from(round).unwrap(), call).await;
    }
    testbed::eventually(testbed::PATIENCE, "recovered", || async {
        let status = bed.factory.status();
        status.recovering == 0 && status.in_use == 0
    })
    .await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn fact_15_the_cancel_request_reaches_the_server_by_the_way_the_connection_came() {
    let bed = PgBed::one_proxied_connection().await;
    // Connects before the deadline starts.
    bed.factory.health().await.unwrap();
    let call = bed.factory.with_session(async |db| {
        db.batch_execute("SELECT pg_sleep(60)").await?;
        Ok::<_, AppError>(())
    });
    tokio::time::timeout(Duration::from_millis(100), call)
        .await
        .unwrap_err();
    bed.factory.health().await.unwrap();
    let counts = bed.proxy().counts();
    assert!(counts.cancel_requests >= 1, "{counts:?}");
    assert_eq!(counts.opened, 1, "the connection went on");
}

#[tokio::test]
async fn fact_16_a_raw_transaction_on_the_raw_connection_is_watched_as_well() {
    use diesel_async::AsyncConnection;
    let bed = PgBed::new().await;
    let result = bed
        .factory
        .with_session(async |db| {
            let raw = db.connection().await?;
            raw.batch_execute("INSERT INTO items VALUES (1, 'raw')")
                .await?;
            let inner: QueryResult<()> = raw
                .transaction(async |raw: &mut AsyncPgConnection| {
                    raw.batch_execute("INSERT INTO items VALUES (1, 'again')")
                        .await
                })
                .await;
            assert!(inner.is_err());
            let _swallowed = raw.batch_execute("SELECT 1/0").await;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(
        matches!(result, Err(AppError::Session(SessionError::Aborted(_)))),
        "{result:?}"
    );
    assert_eq!(bed.count().await, 0);
}
