//! What keeps a connection from being opened is told at once, by its kind, and without a secret.

use std::time::{Duration, Instant};

use session_factory::{ConnectErrorKind, Factory, SessionError};
use session_factory_tests::{MyDb, my_config};
use testbed::mysql::PASSWORD;

use super::insert;

async fn kind(url: &str) -> (ConnectErrorKind, String) {
    let factory = Factory::<MyDb>::new(my_config(url, |_| {}));
    let started = Instant::now();
    let error = factory.health().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{error}");
    let SessionError::Acquire(error) = error else {
        panic!("{error:?}");
    };
    let connect = error.connect_error().expect("why it could not connect");
    (connect.kind(), format!("{error} {error:?}"))
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_without_the_password() {
    let database = testbed::mysql::database().await;
    let (kind, text) = kind(&database.url_with_password("hunter2")).await;
    assert_eq!(kind, ConnectErrorKind::Authentication, "{text}");
    assert!(text.contains("1045") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn the_right_password_is_accepted_whatever_the_scheme() {
    let database = testbed::mysql::database().await;
    let url = database.url_with_password(PASSWORD);
    for scheme in ["mysql", "mariadb", "mysql+pymysql"] {
        let url = url.replacen("mysql", scheme, 1);
        let factory = Factory::<MyDb>::new(my_config(&url, |_| {}));
        factory.health().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told_at_once() {
    let database = testbed::mysql::database().await;
    let url = database.url().replace(database.name(), "t_no_such");
    let (kind, text) = kind(&url).await;
    assert_eq!(kind, ConnectErrorKind::Database, "{text}");
    assert!(text.contains("1049"), "{text}");
}

#[tokio::test]
async fn a_host_that_refuses_is_told_at_once() {
    let (kind, text) = kind("mysql://app@127.0.0.1:1/db").await;
    assert_eq!(kind, ConnectErrorKind::Refused, "{text}");
}

#[tokio::test]
async fn of_several_hosts_the_first_that_answers_is_taken() {
    let database = testbed::mysql::database().await;
    let url = database.url().replace("app@", "app@127.0.0.1:1,");
    let factory = Factory::<MyDb>::new(my_config(&url, |_| {}));
    factory.health().await.unwrap();
}

#[tokio::test]
async fn a_server_without_a_place_left_says_so() {
    let server = testbed::mysql::Server::builder()
        .max_connections(1)
        .start()
        .await;
    let database = server.database().await;
    let first = Factory::<MyDb>::new(my_config(&database.url(), |_| {}));
    first.health().await.unwrap();
    let (kind, text) = kind(&database.url()).await;
    assert_eq!(kind, ConnectErrorKind::TooManyConnections, "{text}");
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let server = testbed::mysql::Server::start().await;
    let database = server.database().await;
    database
        .execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        .await;
    let factory = Factory::<MyDb>::new(my_config(&database.url(), |_| {}));
    factory
        .with_session(async |db| insert(db, 1).await)
        .await
        .unwrap();
    server.kill().await;
    server.start_again().await;
    testbed::eventually(Duration::from_secs(10), "the pool heals", || async {
        factory.health().await.is_ok()
    })
    .await;
    assert_eq!(database.integer("SELECT count(*) FROM items").await, 1);
}
