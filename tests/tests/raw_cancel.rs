//! How a statement on the raw connection is cancelled, and what `cancel_token()` and
//! `notifications_stream()` do there.
//!
//! tokio-postgres records the server's address only if it opens the socket itself, and the pool
//! opens its own sockets: `docs/decisions/0002-the-wire-decides.md`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::error::Error as _;
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::{StreamExt, poll};
use session_factory::{AbortReason, Factory, Session, SessionError};
use session_factory_tests::{AppError, PgBed, PgDb, items};
use testbed::{PATIENCE, eventually};
use tokio_postgres::NoTls;

async fn bed() -> PgBed {
    PgBed::with(|config| {
        config.pool_size = 2;
        config.max_overflow = 0;
    })
    .await
}

async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<usize, Error> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

#[derive(QueryableByName)]
struct Process {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pg_backend_pid: i32,
}

const SLEEPING: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(60)'";

async fn is_sleeping(bed: &PgBed) {
    eventually(PATIENCE, "the statement runs", || async {
        bed.database.integer(SLEEPING).await == 1
    })
    .await;
}

#[tokio::test]
async fn a_statement_of_the_raw_connection_is_cancelled_by_its_process_from_another_session() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let connection = db.connection().await?;
            let process: Process = diesel::sql_query("SELECT pg_backend_pid()")
                .get_result(connection)
                .await?;
            let process = process.pg_backend_pid;
            let cancel = async {
                is_sleeping(&bed).await;
                let cancel = bed.factory.session().requires_new();
                let cancel = cancel.run(async |other| {
                    diesel::sql_query(format!("SELECT pg_cancel_backend({process})"))
                        .execute(other)
                        .await
                });
                cancel.await
            };
            let slow = connection.batch_execute("SELECT pg_sleep(60)");
            let (slow, cancelled) = tokio::join!(slow, cancel);
            cancelled?;
            let error = slow.unwrap_err();
            assert_eq!(error.to_string(), "canceling statement due to user request");
            // A body that ignores the cancelled statement's error must not commit the rest.
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}")
    };
    let AbortReason::Statement(error) = aborted.reason() else {
        panic!("{aborted:?}")
    };
    assert_eq!(error.sqlstate(), Some("57014"));
    assert_eq!(bed.count().await, 0);
    assert_eq!(bed.database.integer(SLEEPING).await, 0);
}

#[tokio::test]
async fn a_cancel_token_of_the_raw_connection_says_that_it_has_no_host() {
    let bed = bed().await;
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let token = db.connection().await?.cancel_token();
            let error = token.cancel_query(NoTls).await.unwrap_err();
            let source = error.source().map(ToString::to_string);
            assert_eq!(source.as_deref(), Some("unknown host"), "{error}");
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_cancel_token_of_the_applications_own_pool_cancels_its_statement() {
    let bed = bed().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url());
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool);
    let result = factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let connection = db.connection().await?;
            let token = connection.cancel_token();
            let cancel = async {
                is_sleeping(&bed).await;
                token.cancel_query(NoTls).await
            };
            let slow = connection.batch_execute("SELECT pg_sleep(60)");
            let (slow, cancelled) = tokio::join!(slow, cancel);
            cancelled.unwrap();
            slow?;
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Query(error)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(error.to_string(), "canceling statement due to user request");
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_call_that_waits_for_notifications_ends_with_its_timeout_and_leaves_no_listener() {
    let bed = PgBed::one_connection().await;
    let listeners = async || {
        let listeners = bed.factory.with_session(async |db| {
            diesel::sql_query("SELECT count(*) FROM pg_listening_channels()")
                .get_result::<Count>(db)
                .await
        });
        listeners.await.unwrap().count
    };
    let call = bed.factory.session().timeout(Duration::from_secs(2));
    let result = call
        .run(async |db| {
            db.batch_execute("LISTEN news").await?;
            // LISTEN takes effect with COMMIT.
            db.commit().await?;
            let connection = db.connection().await?;
            bed.run("NOTIFY news").await;
            connection.batch_execute("SELECT 1").await?;
            let mut news = std::pin::pin!(connection.notifications_stream());
            assert!(poll!(news.next()).is_pending());
            let _never = news.next().await;
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Timeout(timeout))) = result else {
        panic!("{result:?}")
    };
    assert!(timeout.to_string().contains("raw_cancel.rs:"), "{timeout}");
    assert_eq!(listeners().await, 0);
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}
