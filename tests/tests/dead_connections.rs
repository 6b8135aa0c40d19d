//! Dead connections: the server restarts, a backend is terminated, a firewall drops state, a
//! primary is demoted.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{AppError, PgBed, PgDb, pg_config};
use testbed::postgres::Activity;
use testbed::proxy::{Action, Cut, Direction, Scope};

#[with_session]
async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
        .await?;
    Ok(())
}

async fn one_connection() -> PgBed {
    PgBed::one_proxied_connection().await
}

#[tokio::test]
async fn a_terminated_idle_connection_is_not_lent_again() {
    let bed = one_connection().await;
    bed.factory.scope(insert(1)).await.unwrap();
    for id in 2..5 {
        bed.database.admin().terminate_all().await;
        testbed::eventually(testbed::PATIENCE, "it is gone", || async {
            bed.proxy().counts().open == 0
        })
        .await;
        // The server's goodbye needs a moment to arrive, and the call has no retry.
        tokio::time::sleep(Duration::from_millis(250)).await;
        bed.factory.scope(insert(id)).await.unwrap();
    }
    assert_eq!(bed.count().await, 4);
}

#[tokio::test]
async fn a_connection_that_a_firewall_forgot_is_found_by_the_ping() {
    let bed = one_connection().await;
    bed.factory.scope(insert(1)).await.unwrap();
    bed.proxy()
        .arm(Cut::after(0, Direction::ToServer).action(Action::Stall));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let started = Instant::now();
    bed.factory.scope(insert(2)).await.unwrap();
    assert!(started.elapsed() < testbed::PATIENCE);
    assert_eq!(bed.proxy().counts().opened, 2);
    assert_eq!(bed.count().await, 2);
    only_one_is_open(&bed).await;
}

/// The abandoned connection is closed, although its last answer never arrived.
async fn only_one_is_open(bed: &PgBed) {
    testbed::eventually(testbed::PATIENCE, "the other is closed", || async {
        bed.proxy().counts().open == 1 && bed.database.admin().connections().await == 1
    })
    .await;
}

#[tokio::test]
async fn an_attempt_to_connect_that_is_given_up_leaves_no_connection() {
    let bed = one_connection().await;
    drop(bed.factory.create_session().await.unwrap());
    // From the greeting to the answer to the last setting of a new connection. After that come the
    // answers to closing two prepared statements (CloseComplete, ReadyForQuery), which no one waits
    // for.
    let all = bed.proxy().counts().bytes_to_client - 2 * (5 + 6);
    bed.factory.shutdown(Duration::from_secs(5)).await;
    for bytes in (0..all).step_by(25) {
        let url = bed.database.url_via(bed.proxy());
        let factory = Factory::<PgDb>::new(pg_config(&url, |config| {
            config.pool_size = 1;
            config.max_overflow = 0;
            config.connect_timeout = Duration::from_millis(300);
        }));
        bed.proxy().arm(
            Cut::after(bytes, Direction::ToClient)
                .action(Action::Stall)
                .scope(Scope::Next),
        );
        factory.create_session().await.unwrap_err();
        // A busy machine may exceed `connect_timeout`. Such an attempt must leave no connection
        // either.
        testbed::eventually(testbed::PATIENCE, "it connects", || async {
            factory.create_session().await.is_ok()
        })
        .await;
        only_one_is_open(&bed).await;
        factory.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn what_a_lost_connection_left_running_is_cancelled() {
    for action in [Action::Reset, Action::Close] {
        let bed = one_connection().await;
        let admin = bed.database.admin();
        let factory = bed.factory.clone();
        let call = tokio::spawn(async move {
            let sleep = async |db: &mut Session<PgDb>| {
                Ok::<_, AppError>(db.batch_execute("SELECT pg_sleep(60)").await?)
            };
            factory.with_session(sleep).await
        });
        let sleeps = |one: &Activity| one.wait == "Timeout:PgSleep";
        let runs = || async { admin.activity().await.iter().any(sleeps) };
        testbed::eventually(testbed::PATIENCE, "it runs", runs).await;
        // The server reads from its socket only after the statement has ended.
        bed.proxy().sever(action).await;
        call.await.unwrap().unwrap_err();
        testbed::eventually(testbed::PATIENCE, "it is over", || async { !runs().await }).await;
        bed.factory.scope(insert(1)).await.unwrap();
        only_one_is_open(&bed).await;
    }
}

#[tokio::test]
async fn a_first_statement_that_meets_a_dead_connection_says_so_and_the_next_call_works() {
    for action in [Action::Reset, Action::Close] {
        let bed = one_connection().await;
        bed.factory.scope(insert(1)).await.unwrap();
        bed.proxy()
            .arm(Cut::after(0, Direction::ToServer).action(action));
        let error = bed.factory.scope(insert(2)).await.unwrap_err();
        assert!(matches!(error, AppError::Query(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("closed") || text.contains("connection"),
            "{text}"
        );
        bed.factory.scope(insert(3)).await.unwrap();
        assert_eq!(bed.count().await, 2);
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let server = testbed::postgres::Server::start().await;
    let database = server.database().await;
    let url = database.url();
    let bed = PgBed::make(database, &url, None, |_| {}).await;
    bed.factory.scope(insert(1)).await.unwrap();
    server.kill().await;
    let mut error = bed.factory.scope(insert(2)).await.unwrap_err();
    if !matches!(error, AppError::Session(SessionError::Acquire(_))) {
        // The open connection had not noticed the server's end yet. Now there is no other
        // connection.
        error = bed.factory.scope(insert(2)).await.unwrap_err();
    }
    let AppError::Session(SessionError::Acquire(error)) = error else {
        panic!("{error:?}")
    };
    // The error contains the reason, and not only that the time is up.
    assert!(error.connect_error().is_some(), "{error}");
    server.start_again().await;
    bed.factory.scope(insert(3)).await.unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_demoted_primary_costs_one_failed_call_and_its_connection() {
    let bed = one_connection().await;
    bed.factory.scope(insert(1)).await.unwrap();
    // The setting of a demoted server.
    let database = bed.database.name().to_owned();
    let admin = bed.database.admin();
    admin
        .execute(&format!(
            "ALTER DATABASE \"{database}\" SET default_transaction_read_only = on"
        ))
        .await;
    bed.database.admin().terminate_all().await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    bed.factory.scope(insert(2)).await.unwrap_err();
    admin
        .execute(&format!(
            "ALTER DATABASE \"{database}\" RESET default_transaction_read_only"
        ))
        .await;
    // The old connection would still be read-only.
    bed.factory.scope(insert(3)).await.unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_connection_cut_at_any_byte_is_ok_and_committed_or_an_error() {
    for direction in [Direction::ToClient, Direction::ToServer] {
        let bed = one_connection().await;
        bed.factory.scope(insert(0)).await.unwrap();
        let mut id = 0;
        for bytes in (0..400).step_by(3) {
            id += 1;
            bed.proxy().arm(Cut::after(bytes, direction));
            let result = bed.factory.scope(insert(id)).await;
            let struck = !bed.proxy().is_armed();
            bed.proxy().disarm();
            let rows = bed
                .database
                .integer(&format!("SELECT count(*) FROM items WHERE id = {id}"))
                .await;
            match result {
                Ok(()) => assert_eq!(rows, 1, "Ok, at byte {bytes}"),
                Err(AppError::Session(SessionError::CommitUnknown(_))) => assert!(rows <= 1),
                Err(AppError::Session(SessionError::Acquire(error))) => {
                    // The error contains the reason, even if the attempt was begun before the call.
                    assert!(error.connect_error().is_some(), "{error}");
                    assert_eq!(rows, 0);
                }
                Err(_) => assert_eq!(rows, 0, "Err, at byte {bytes}"),
            }
            if !struck {
                break;
            }
        }
        bed.factory.scope(insert(1000)).await.unwrap();
    }
}
