//! The events of diesel's default instrumentation, including those of connecting. It is
//! process-wide, so this is a single test in its own file.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use session_factory::{Factory, Session, SessionFactory};
use session_factory_tests::{AppError, LiteBed, MyBed, PgBed, PgDb, pg_config, without_token};

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

// diesel requires this type.
#[allow(clippy::unnecessary_wraps)]
fn recorder() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        let line = match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => format!("connect {url}"),
            InstrumentationEvent::FinishEstablishConnection { url, error, .. } => match error {
                None => format!("connected {url}"),
                Some(error) => format!("not connected {url}: {error}"),
            },
            InstrumentationEvent::StartQuery { query, .. } => format!("start {query}"),
            InstrumentationEvent::FinishQuery { query, .. } => format!("finish {query}"),
            InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
            InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
            InstrumentationEvent::RollbackTransaction { depth, .. } => format!("roll back {depth}"),
            _ => return,
        };
        TOLD.lock().unwrap().push(without_token(&line));
    }))
}

fn take() -> Vec<String> {
    std::mem::take(&mut *TOLD.lock().unwrap())
}

/// The events of a session with two savepoints: an empty one, and one around a statement.
async fn of_a_session<F: SessionFactory>(factory: &Factory<F>) -> Vec<String> {
    factory
        .with_session(async |db: &mut Session<F>| {
            db.transaction(async |_| Ok::<_, diesel::result::Error>(()))
                .await?;
            db.transaction(async |db| db.batch_execute("SELECT 1").await)
                .await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    take()
}

/// `SAVEPOINT` travels with the statement, and COMMIT makes the last RELEASE superfluous.
fn expected(begin: &str) -> Vec<String> {
    let mut told = vec!["begin 1".to_owned()];
    if !begin.is_empty() {
        told.extend([format!("start {begin}"), format!("finish {begin}")]);
    }
    let rest = [
        "begin 2",
        "start SAVEPOINT session_factory_1",
        "finish SAVEPOINT session_factory_1",
        "start SELECT 1",
        "finish SELECT 1",
        "commit 2",
        "commit 1",
        "start COMMIT",
        "finish COMMIT",
    ];
    told.extend(rest.map(str::to_owned));
    told
}

#[tokio::test]
async fn connecting_is_told_without_a_password_and_what_the_pool_runs_is_not() {
    set_default_instrumentation(recorder).unwrap();
    // PostgreSQL.
    let bed = PgBed::one_connection().await;
    take();
    let told = of_a_session(&bed.factory).await;
    let (connecting, session) = told.split_at(told.len() - expected("BEGIN").len());
    assert_eq!(session, expected("BEGIN"));
    let host = connecting[0].strip_prefix("connect postgresql://").unwrap();
    assert_eq!(
        connecting.last().unwrap(),
        &format!("connected postgresql://{host}")
    );
    // The same settings that diesel makes when it connects.
    assert!(
        connecting[1].starts_with("start SET TIME ZONE"),
        "{connecting:?}"
    );
    assert_eq!(of_a_session(&bed.factory).await, expected("BEGIN"));
    // A session has the default instrumentation. A session with another one restores it.
    bed.factory
        .with_session(async |db| {
            db.set_instrumentation(|_: InstrumentationEvent<'_>| {});
            db.batch_execute("SET work_mem = '1MB'").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(take(), [""; 0]);
    assert_eq!(of_a_session(&bed.factory).await, expected("BEGIN"));

    // No server listens on this port.
    let url = "postgres://ada:hunter2@127.0.0.1:1/app?application_name=secret";
    let factory = Factory::<PgDb>::new(pg_config(url, |config| {
        config.pool_timeout = std::time::Duration::from_millis(300);
    }));
    let session = factory.create_session().await;
    assert!(session.is_err());
    let told = take();
    assert_eq!(told[0], "connect postgresql://127.0.0.1:1");
    assert!(
        told[1].starts_with("not connected postgresql://127.0.0.1:1: "),
        "{told:?}"
    );
    let all = told.concat();
    assert!(!all.contains("hunter2") && !all.contains("secret"), "{all}");

    // MariaDB, where the first statement begins the transaction.
    let bed = MyBed::one_connection().await;
    take();
    let told = of_a_session(&bed.factory).await;
    let (connecting, session) = told.split_at(told.len() - expected("").len());
    assert_eq!(session, expected(""));
    assert!(
        connecting[0].starts_with("connect mysql://"),
        "{connecting:?}"
    );
    let last = connecting.last().unwrap();
    assert!(last.starts_with("connected mysql://"), "{connecting:?}");

    // SQLite.
    let bed = LiteBed::one_connection().await;
    take();
    let begin = "BEGIN IMMEDIATE";
    let told = of_a_session(&bed.factory).await;
    let (connecting, session) = told.split_at(told.len() - expected(begin).len());
    assert_eq!(session, expected(begin));
    assert!(connecting[0].starts_with("connect "), "{connecting:?}");
    assert!(connecting[1].starts_with("connected "), "{connecting:?}");
    // The pragmas of a new connection are the driver's, and not reported.
    assert_eq!(connecting.len(), 2, "{connecting:?}");
    assert_eq!(of_a_session(&bed.factory).await, expected(begin));
}
