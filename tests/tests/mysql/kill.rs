//! KILL hits the statement that it is for, on the server where that runs, and nothing else.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use session_factory::{Factory, SessionError};
use session_factory_tests::{AppError, MyBed, MyDb, my_config};
use testbed::mysql::{Activity, Server};

use super::{insert, quiet};

async fn sleep(factory: &Factory<MyDb>) -> Result<(), AppError> {
    factory
        .with_session(async |db| Ok::<_, AppError>(db.batch_execute("SELECT SLEEP(60)").await?))
        .await
}

fn sleeps(one: &Activity) -> bool {
    one.query.contains("SLEEP(60)")
}

async fn number(factory: &Factory<MyDb>) -> Result<i64, SessionError> {
    let number = diesel::dsl::sql::<diesel::sql_types::BigInt>("CONNECTION_ID()");
    factory
        .with_session(async |db| diesel::select(number.clone()).get_result::<i64>(db).await)
        .await
        .map_err(SessionError::from)
}

#[tokio::test]
async fn a_server_that_was_started_again_has_other_connections_of_the_same_numbers() {
    let server = Server::start().await;
    let database = server.database().await;
    let ours = Factory::<MyDb>::new(my_config(&database.url(), |config| {
        config.pool_size = 10;
        config.max_overflow = 10;
    }));
    let calls = {
        let calls = join_all((0..20).map(|_| sleep(&ours)));
        let mut calls = Box::pin(calls);
        let admin = database.admin();
        tokio::select! {
            _ = &mut calls => panic!("they sleep"),
            () = testbed::eventually(testbed::PATIENCE, "they sleep", || async {
                admin.activity().await.iter().filter(|one| sleeps(one)).count() == 20
            }) => {}
        }
        calls
    };
    server.kill().await;
    server.start_again().await;
    let theirs: Vec<_> = (0..40)
        .map(|_| Factory::<MyDb>::new(my_config(&database.url(), |config| config.pool_size = 1)))
        .collect();
    let mut before = Vec::new();
    for factory in &theirs {
        before.push(number(factory).await.unwrap());
    }
    drop(calls);
    testbed::eventually(Duration::from_secs(40), "recovered", || async {
        let status = ours.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
    for (factory, before) in theirs.iter().zip(before) {
        assert_eq!(number(factory).await.unwrap(), before, "nothing has hit it");
    }
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_with_the_credentials_of_the_moment() {
    let server = Server::start().await;
    let database = server.database().await;
    let admin = database.admin();
    admin
        .rows("CREATE USER rotated@'127.0.0.1' IDENTIFIED BY 'first'")
        .await;
    admin
        .rows("GRANT ALL ON `t%`.* TO rotated@'127.0.0.1'")
        .await;
    let password = Arc::new(Mutex::new("first".to_owned()));
    let url = database.url().replace("app@", "rotated@");
    let given = Arc::clone(&password);
    let factory = Factory::<MyDb>::new(my_config(&url, |_| {}))
        .with_credentials(async move || Ok::<_, std::io::Error>(given.lock().unwrap().clone()));
    let mut call = Box::pin(sleep(&factory));
    tokio::select! {
        _ = &mut call => panic!("it sleeps"),
        () = testbed::eventually(testbed::PATIENCE, "it sleeps", || async {
            admin.activity().await.iter().any(sleeps)
        }) => {}
    }
    admin
        .rows("ALTER USER rotated@'127.0.0.1' IDENTIFIED BY 'second'")
        .await;
    "second".clone_into(&mut password.lock().unwrap());
    let refused = "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'ACCESS_DENIED_ERRORS'";
    let before = admin.text(refused).await;
    let started = Instant::now();
    drop(call);
    testbed::eventually(testbed::PATIENCE, "recovered", || async {
        let status = factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!admin.activity().await.iter().any(sleeps));
    assert_eq!(admin.text(refused).await, before);
}

#[tokio::test]
async fn a_silent_server_keeps_no_other_factory_from_cancelling() {
    let silent = MyBed::proxied(|config| config.pool_size = 4).await;
    let bed = MyBed::new().await;
    let admin = silent.database.admin();
    {
        let mut calls = Box::pin(join_all((0..4).map(|_| sleep(&silent.factory))));
        tokio::select! {
            _ = &mut calls => panic!("they sleep"),
            () = testbed::eventually(testbed::PATIENCE, "they sleep", || async {
                admin.activity().await.iter().filter(|one| sleeps(one)).count() == 4
            }) => {}
        }
        silent.proxy().stall();
    }
    let started = Instant::now();
    let dropped = tokio::time::timeout(Duration::from_millis(100), sleep(&bed.factory)).await;
    assert!(dropped.is_err());
    quiet(&bed).await;
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    silent.proxy().resume().await;
}

#[tokio::test]
async fn a_dropped_statement_that_is_quick_keeps_its_connection() {
    let bed = super::one_connection().await;
    let before = number(&bed.factory).await.unwrap();
    for polls in 0..40 {
        let call = bed.factory.with_session(async |db| {
            insert(db, 1).await?;
            Err::<(), _>(AppError::Refused("rolled back"))
        });
        let ended = testbed::polls::drop_at(polls, call).await;
        quiet(&bed).await;
        assert_eq!(
            number(&bed.factory).await.unwrap(),
            before,
            "dropped at poll {polls}"
        );
        if ended.is_some() {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn a_slot_is_free_when_the_server_has_closed_its_connection() {
    let server = Server::builder().max_connections(1).start().await;
    let database = server.database().await;
    let url = database.url();
    let bed = MyBed::make(database, &url, None, |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_recycle = Duration::from_nanos(1);
    })
    .await;
    for id in 0..60 {
        bed.factory
            .with_session(async |db| insert(db, id).await)
            .await
            .unwrap();
    }
}
