//! The pool's promises: sizes, waiting, errors, shutdown.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use session_factory::{ConnectErrorKind, Factory, Session, SessionError, with_session};
use session_factory_tests::{
    AppError, LiteBed, LiteDb, LiteDbConfig, PgBed, PgDb, items, pg_config,
};

diesel::define_sql_function! {
    fn pg_backend_pid() -> Integer;
}

#[with_session]
async fn count(db: &mut Session<PgDb>) -> QueryResult<i64> {
    items::table.count().get_result(db).await
}

/// A timeout that is longer than a busy machine takes to report why there is no connection.
fn patient(config: &mut session_factory_tests::PgDbConfig) {
    config.pool_timeout = testbed::PATIENCE * 2;
}

fn acquire_error(error: SessionError) -> session_factory::AcquireError {
    match error {
        SessionError::Acquire(error) => *error,
        other => panic!("expected Acquire, got {other:?}"),
    }
}

#[tokio::test]
async fn pool_size_connections_are_kept_and_the_overflow_is_closed_when_it_idles() {
    let bed = PgBed::with(|config| {
        config.pool_size = 2;
        config.max_overflow = 3;
        config.idle_timeout = Duration::from_millis(300);
    })
    .await;
    let sessions = join_all((0..5).map(|_| bed.factory.create_session())).await;
    assert_eq!(bed.factory.status().open, 5);
    assert_eq!(bed.factory.status().in_use, 5);
    drop(sessions);
    testbed::eventually(testbed::PATIENCE, "the overflow is closed", || async {
        bed.factory.status().open == 2
    })
    .await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(bed.factory.status().open, 2, "these are kept");
    assert_eq!(bed.database.admin().connections().await, 2);
}

#[tokio::test]
async fn no_more_than_the_limit_are_ever_open() {
    let bed = PgBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 1;
    })
    .await;
    join_all((0..20).map(|_| bed.factory.scope(count())))
        .await
        .into_iter()
        .for_each(|result| {
            result.unwrap();
        });
    assert!(bed.factory.status().open <= 2);
}

#[tokio::test]
async fn an_acquire_timeout_says_who_holds_the_connections_and_who_waits() {
    let bed = PgBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_timeout = Duration::from_millis(200);
    })
    .await;
    let _held = bed.factory.create_session().await.unwrap();
    let error = acquire_error(bed.factory.create_session().await.unwrap_err());
    assert_eq!(error.limit(), 1);
    assert_eq!(error.open(), 1);
    assert_eq!(error.waiting(), 1);
    assert_eq!(error.holders().len(), 1);
    assert!(error.waited() >= Duration::from_millis(200));
    let text = error.to_string();
    assert!(
        text.contains("create_session (tests/tests/pool.rs:"),
        "{text}"
    );
    assert!(text.contains("PgDb"), "{text}");
    assert!(!text.contains("bb8"), "{text}");
}

#[tokio::test]
async fn who_waits_longest_is_served_first_and_a_newcomer_overtakes_nobody() {
    let bed = PgBed::one_connection().await;
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut held = bed.factory.create_session().await.unwrap();
    let mut queue = Vec::new();
    for place in 1..=3 {
        let (factory, served) = (bed.factory.clone(), Arc::clone(&served));
        queue.push(tokio::spawn(async move {
            let session = factory.create_session().await.unwrap();
            served.lock().unwrap().push(place);
            drop(session);
        }));
        testbed::eventually(testbed::PATIENCE, "one more waits", || async {
            bed.factory.status().waiting == place
        })
        .await;
    }
    for _ in 0..3 {
        // Returned, and requested again before any other task runs.
        drop(held);
        held = bed.factory.create_session().await.unwrap();
        served.lock().unwrap().push(0);
    }
    join_all(queue).await;
    assert_eq!(*served.lock().unwrap(), [1, 2, 3, 0, 0, 0]);
}

#[tokio::test]
async fn a_caller_that_stops_waiting_loses_nothing() {
    let bed = PgBed::one_connection().await;
    let held = bed.factory.create_session().await.unwrap();
    for _ in 0..50 {
        let waiting = bed.factory.create_session();
        tokio::time::timeout(Duration::from_millis(2), waiting)
            .await
            .unwrap_err();
    }
    assert_eq!(bed.factory.status().waiting, 0);
    drop(held);
    assert_eq!(bed.factory.scope(count()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_connection_that_is_opened_by_a_dropped_caller_is_not_lost() {
    let bed = PgBed::with(|config| {
        config.pool_size = 2;
        config.max_overflow = 0;
    })
    .await;
    for polls in 0..20 {
        let opening = bed.factory.create_session();
        drop(testbed::polls::drop_at(polls, opening).await);
        testbed::eventually(testbed::PATIENCE, "all are back", || async {
            bed.factory.status().in_use == 0
        })
        .await;
    }
    let both = join_all((0..2).map(|_| bed.factory.create_session())).await;
    assert!(both.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_without_the_password() {
    let bed = PgBed::new().await;
    let url = bed.database.url_with_password("wrong-secret-word");
    let factory = Factory::<PgDb>::new(pg_config(&url, patient));
    let started = Instant::now();
    let error = acquire_error(factory.create_session().await.unwrap_err());
    assert!(started.elapsed() < testbed::PATIENCE);
    let connect = error.connect_error().unwrap();
    assert_eq!(connect.kind(), ConnectErrorKind::Authentication);
    assert_eq!(connect.sqlstate(), Some("28P01"));
    let text = format!("{error} {error:?} {factory:?}");
    assert!(text.contains("DATABASE_URL"), "{text}");
    assert!(!text.contains("wrong-secret-word"), "{text}");
}

#[tokio::test]
async fn the_right_password_is_accepted() {
    let bed = PgBed::new().await;
    let url = bed.database.url_with_password(testbed::postgres::PASSWORD);
    let factory = Factory::<PgDb>::new(pg_config(&url, |_| {}));
    factory.health().await.unwrap();
}

#[tokio::test]
async fn a_host_that_refuses_is_told_at_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("postgres://app:hidden-word@127.0.0.1:{port}/app");
    let factory = Factory::<PgDb>::new(pg_config(&url, patient));
    let started = Instant::now();
    let error = acquire_error(factory.init().await.unwrap_err());
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(
        error.connect_error().unwrap().kind(),
        ConnectErrorKind::Refused
    );
    let text = error.to_string();
    assert!(text.contains("DATABASE_URL"), "{text}");
    assert!(text.contains(&port.to_string()), "{text}");
    assert!(!text.contains("hidden-word"), "{text}");
}

#[tokio::test]
async fn a_host_that_never_answers_is_given_up_after_connect_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app@{}/app", silent.local_addr().unwrap());
    let factory = Factory::<PgDb>::new(pg_config(&url, |config| {
        patient(config);
        config.connect_timeout = Duration::from_millis(300);
    }));
    let started = Instant::now();
    let error = acquire_error(factory.init().await.unwrap_err());
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(
        error.connect_error().unwrap().kind(),
        ConnectErrorKind::TimedOut
    );
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told_at_once() {
    let bed = PgBed::new().await;
    let url = bed.database.url();
    let url = format!("{}/no_such_database", url.rsplit_once('/').unwrap().0);
    let factory = Factory::<PgDb>::new(pg_config(&url, |_| {}));
    let error = acquire_error(factory.init().await.unwrap_err());
    assert_eq!(
        error.connect_error().unwrap().kind(),
        ConnectErrorKind::Database
    );
}

#[tokio::test]
async fn a_factory_works_again_once_the_server_is_there() {
    let bed = PgBed::proxied(|_| {}).await;
    bed.proxy().refuse().await;
    bed.factory.scope(count()).await.unwrap_err();
    bed.proxy().resume().await;
    bed.factory.scope(count()).await.unwrap();
}

#[tokio::test]
async fn a_restarted_server_costs_no_failed_call_after_the_pool_was_idle() {
    let server = testbed::postgres::Server::start().await;
    let bed = {
        let database = server.database().await;
        let url = database.url();
        PgBed::make(database, &url, None, |_| {}).await
    };
    bed.factory.scope(count()).await.unwrap();
    server.restart().await;
    bed.factory.scope(count()).await.unwrap();
}

#[tokio::test]
async fn connections_older_than_pool_recycle_are_replaced() {
    let bed = PgBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_recycle = Duration::from_millis(200);
    })
    .await;
    for _ in 0..3 {
        bed.factory.scope(count()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(bed.proxy().counts().opened, 3);
}

#[tokio::test]
async fn shutdown_waits_for_the_sessions_that_are_out() {
    let bed = PgBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    let factory = bed.factory.clone();
    let shutdown = tokio::spawn(async move { factory.shutdown(testbed::PATIENCE).await });
    testbed::eventually(
        testbed::PATIENCE,
        "no session is opened any more",
        || async {
            let refused = bed.factory.create_session().await;
            matches!(refused, Err(SessionError::Closed))
        },
    )
    .await;
    db.batch_execute("INSERT INTO items VALUES (1, 'last')")
        .await
        .unwrap();
    db.commit().await.unwrap();
    drop(db);
    assert!(shutdown.await.unwrap().is_clean());
    assert_eq!(bed.count().await, 1);
    testbed::eventually(testbed::PATIENCE, "all connections are closed", || async {
        bed.database.admin().connections().await == 0
    })
    .await;
}

#[tokio::test]
async fn shutdown_rolls_back_what_is_left_after_the_limit() {
    let bed = PgBed::new().await;
    let factory = bed.factory.clone();
    let task = tokio::spawn(async move {
        factory
            .with_session(async |db| {
                db.batch_execute("INSERT INTO items VALUES (1, 'late'); SELECT pg_sleep(60)")
                    .await?;
                Ok::<_, AppError>(())
            })
            .await
    });
    testbed::eventually(testbed::PATIENCE, "it runs", || async {
        let activity = bed.database.admin().activity().await;
        // Opening the connection is active too, but belongs to no session.
        activity.iter().any(|one| one.wait == "Timeout:PgSleep")
    })
    .await;
    let report = bed.factory.shutdown(Duration::from_millis(200)).await;
    assert_eq!(report.rolled_back, 1);
    assert_eq!(
        report.remaining,
        0,
        "{:?}",
        bed.database.admin().activity().await
    );
    task.await.unwrap().unwrap_err();
    assert_eq!(bed.count().await, 0);
    assert_eq!(bed.database.admin().connections().await, 0);
}

#[tokio::test]
async fn status_and_health_tell_the_figures() {
    let bed = PgBed::new().await;
    assert_eq!(bed.factory.status().open, 0);
    assert!(bed.factory.health().await.unwrap() < testbed::PATIENCE);
    let status = bed.factory.status();
    assert_eq!((status.open, status.idle, status.in_use), (1, 1, 0));
    assert_eq!((status.pool_size, status.limit), (5, 15));
    let _session = bed.factory.create_session().await.unwrap();
    assert_eq!(bed.factory.status().in_use, 1);
}

#[tokio::test]
async fn sqlite_sessions_take_turns_at_writing() {
    let bed = LiteBed::new().await;
    let calls = (0..40).map(|id| {
        bed.factory.with_session(async move |db| {
            db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
                .await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, AppError>(())
        })
    });
    for result in join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(bed.count().await, 40);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_by_init() {
    let bed = LiteBed::with(|config| config.pool_timeout = Duration::from_secs(5)).await;
    let path = bed.database.path().with_extension("txt");
    std::fs::write(
        &path,
        "this is no database, and longer than its header would be: ".repeat(20),
    )
    .unwrap();
    let url = format!("sqlite://{}", path.display());
    let config = LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.clone()));
    let factory = Factory::<LiteDb>::new(config.unwrap());
    let error = factory.init().await.unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_waits_is_served_when_a_full_server_has_room_again() {
    let bed = PgBed::with(|config| {
        config.pool_size = 2;
        config.max_overflow = 0;
        patient(config);
    })
    .await;
    let name = bed.database.name().to_owned();
    // One for the administrator, and one for the pool.
    bed.run(&format!("ALTER DATABASE {name} CONNECTION LIMIT 2"))
        .await;
    let mut holder = bed.factory.create_session().await.unwrap();
    let pid: i32 = diesel::select(pg_backend_pid())
        .get_result(&mut holder)
        .await
        .unwrap();
    let waiting = (0..50).map(|_| {
        let factory = bed.factory.clone();
        tokio::spawn(async move { factory.scope(count()).await })
    });
    let waiting: Vec<_> = waiting.collect();
    // The pool tries to open its second connection, and the server says that it is full.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(bed.database.admin().terminate(pid).await);
    testbed::eventually(testbed::PATIENCE, "it is gone", || async {
        // By process number, because a waiting caller may have the next connection already. A process that ends leaves
        // `pg_stat_activity` before the server stops counting it; only one that counts can be terminated.
        !bed.database.admin().terminate(pid).await
    })
    .await;
    // The server counts the process of a refused attempt until it has ended, which takes its time on a busy machine.
    bed.run(&format!("ALTER DATABASE {name} CONNECTION LIMIT 10"))
        .await;
    // This closes the pool's last connection, and the pool's last attempt has failed.
    drop(holder);
    for served in join_all(waiting).await {
        assert_eq!(served.unwrap().expect("served"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_waits_hears_at_once_that_nothing_can_be_connected() {
    let bed = PgBed::new().await;
    let wrong = bed.database.url_with_password("wrong");
    let factory = Factory::<PgDb>::new(pg_config(&wrong, |config| {
        config.pool_size = 2;
        config.max_overflow = 0;
        patient(config);
    }));
    let started = Instant::now();
    let waiting = (0..200).map(|_| {
        let factory = factory.clone();
        tokio::spawn(async move { factory.create_session().await.map(drop) })
    });
    for heard in join_all(waiting).await {
        let error = acquire_error(heard.unwrap().unwrap_err());
        let connect = error.connect_error().expect("why");
        assert_eq!(connect.kind(), ConnectErrorKind::Authentication);
    }
    assert!(started.elapsed() < testbed::PATIENCE, "nobody waits");
}
