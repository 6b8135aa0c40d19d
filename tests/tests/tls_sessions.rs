//! Encrypted connections keep all promises of plain ones.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;
use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use session_factory::{ConnectErrorKind, Factory, Session, SessionError, with_session};
use session_factory_tests::connect::{connect_error, one_connection as factory};
use session_factory_tests::encrypted::{
    Outcome, encrypted_only, is_encrypted, outcome, root_of, url,
};
use session_factory_tests::functions::postgres::{insert, insert_in};
use session_factory_tests::slow_cancels::slow_but_the_first;
use session_factory_tests::{AppError, PgDb};
use testbed::postgres::{Database, PASSWORD, Server};
use testbed::proxy::{Direction, Proxy};
use tokio_postgres_rustls::MakeRustlsConnect;

#[tokio::test]
async fn fact_12_a_url_that_asks_for_tls_gets_it_or_an_error() {
    let (_server, database, query) = encrypted_only().await;
    assert_eq!(
        outcome(&url(&database, "app", &query)).await,
        Outcome::Encrypted
    );
    // The shared server has no TLS.
    let database = testbed::postgres::database().await;
    let error = is_encrypted(&factory(&url(&database, "app", "sslmode=require"))).await;
    let error = connect_error(&error.unwrap_err());
    assert_eq!(error.kind(), ConnectErrorKind::Tls);
    assert!(
        error.to_string().contains("which the server does not have"),
        "{error}"
    );
}

#[test]
fn an_encrypted_connection_moves_from_runtime_to_runtime() {
    let (_server, database, query) = testbed::block_on(encrypted_only());
    let factory = factory(&url(&database, "app", &query));
    for _ in 0..6 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            testbed::eventually(testbed::PATIENCE, "driven by this runtime", || async {
                assert!(is_encrypted(&factory).await.unwrap());
                let metrics = tokio::runtime::Handle::current().metrics();
                metrics.num_alive_tasks() == 1
            })
            .await;
        });
    }
    let connections = testbed::block_on(async { database.admin().connections().await });
    assert_eq!(connections, 1, "the same one all the time");
}

#[test]
fn an_encrypted_statement_is_answered_when_its_runtime_ends() {
    let (_server, database, query) = testbed::block_on(encrypted_only());
    let factory = factory(&url(&database, "app", &query));
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    for id in 0..4 {
        let first = runtime();
        first.block_on(async {
            is_encrypted(&factory).await.unwrap();
            is_encrypted(&factory).await.unwrap();
        });
        let mut session = first.block_on(factory.create_session()).unwrap();
        let insert = format!("INSERT INTO items SELECT {id}, 'x' FROM pg_sleep(0.1)");
        let mut statement = Box::pin(session.batch_execute(&insert));
        first.block_on(async {
            assert!(futures_util::poll!(&mut statement).is_pending());
            tokio::task::yield_now().await;
        });
        drop(first);
        let second = runtime();
        second.block_on(statement).unwrap();
        second.block_on(session.commit()).unwrap();
    }
    let items = testbed::block_on(database.integer("SELECT count(*) FROM items"));
    assert_eq!(items, 4);
}

#[tokio::test]
async fn the_password_is_bound_to_the_channel() {
    let (_server, database, query) = encrypted_only().await;
    let user = format!("guarded:{PASSWORD}");
    let bound = url(
        &database,
        &user,
        &format!("{query}&channel_binding=require"),
    );
    assert_eq!(outcome(&bound).await, Outcome::Encrypted);
    // Without TLS there is no channel to bind to.
    let plain = Server::start().await;
    let database = plain.database().await;
    let unbound = url(&database, &user, "channel_binding=require");
    let error = is_encrypted(&factory(&unbound)).await.unwrap_err();
    let error = connect_error(&error);
    assert_eq!(error.kind(), ConnectErrorKind::Authentication);
    assert!(error.to_string().contains("channel_binding"), "{error}");
    assert!(!format!("{error:?}").contains(PASSWORD));
}

#[with_session]
async fn slow(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    insert_in(db, id).await?;
    db.batch_execute("SELECT pg_sleep(60)").await?;
    Ok(())
}

#[with_session(timeout = "300ms")]
async fn hurried(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    slow_in(db, id).await
}

async fn it_runs(database: &Database) {
    testbed::eventually(testbed::PATIENCE, "it runs", || async {
        let activity = database.admin().activity().await;
        activity
            .iter()
            .any(|backend| backend.query.contains("pg_sleep") && backend.is_active())
    })
    .await;
}

async fn nothing_runs(database: &Database) {
    testbed::eventually(testbed::PATIENCE, "no query runs", || async {
        database
            .admin()
            .activity()
            .await
            .iter()
            .all(|backend| !backend.is_active() && !backend.is_idle_in_transaction())
    })
    .await;
}

#[tokio::test]
async fn a_dropped_query_is_cancelled_on_the_server_through_tls() {
    let (_server, database, query) = encrypted_only().await;
    // The server would accept an unencrypted cancel request, so the proxy checks what is sent.
    let proxy = Proxy::start(database.endpoint().address());
    let direct = url(&database, "app", &query);
    let port = database.endpoint().address().port();
    let proxied = direct.replace(
        &format!(":{port}/"),
        &format!(":{}/", proxy.address().port()),
    );
    let factory = factory(&proxied);
    let started = Instant::now();
    // The call is dropped.
    let call = tokio::spawn(factory.clone().scope(slow(1)));
    it_runs(&database).await;
    call.abort();
    nothing_runs(&database).await;
    // The call passes its deadline.
    let error = factory.scope(hurried(2)).await.unwrap_err();
    assert!(
        matches!(error, AppError::Session(SessionError::Timeout(_))),
        "{error:?}"
    );
    nothing_runs(&database).await;
    // The body drops the statement before the next one.
    factory
        .with_session(async |db| {
            let sleep = db.batch_execute("SELECT pg_sleep(60)");
            tokio::time::timeout(Duration::from_millis(100), sleep)
                .await
                .unwrap_err();
            db.rollback().await?;
            insert_in(db, 3).await
        })
        .await
        .unwrap();
    // All of it used the same connection, and nothing was unencrypted.
    let counts = proxy.counts();
    assert_eq!(database.admin().connections().await, 1);
    assert_eq!(counts.cancel_requests, 0, "{counts:?}");
    assert!(counts.opened > 3, "{counts:?}");
    assert_eq!(database.integer("SELECT count(*) FROM items").await, 1);
    // Shutdown ends the session.
    let call = tokio::spawn(factory.clone().scope(slow(4)));
    it_runs(&database).await;
    factory.shutdown(Duration::from_millis(50)).await;
    nothing_runs(&database).await;
    call.await.unwrap().unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn the_protocol_is_watched_above_the_encryption() {
    let (server, database, query) = encrypted_only().await;
    let factory = factory(&url(&database, "app", &query));
    // The session knows an error that the body ignored, with its SQLSTATE.
    let aborted = factory
        .with_session(async |db| {
            insert_in(db, 1).await?;
            let _swallowed = insert_in(db, 1).await;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = aborted else {
        panic!("{aborted:?}")
    };
    assert!(aborted.to_string().contains("23505"), "{aborted}");
    // A setting does not reach the next borrower.
    factory
        .with_session(async |db| {
            db.batch_execute("SET statement_timeout = 1").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    factory
        .with_session(async |db| {
            db.batch_execute("SELECT pg_sleep(0.05)").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    factory.scope(insert(2)).await.unwrap();
    assert_eq!(database.integer("SELECT count(*) FROM items").await, 1);
    // The pool notices without a ping that the server has closed the connection.
    server.restart().await;
    testbed::eventually(testbed::PATIENCE, "it connects again", || async {
        factory.scope(insert(3)).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_unit_of_work_takes_as_many_round_trips_as_in_the_clear() {
    let (_server, database, query) = encrypted_only().await;
    let proxy = Proxy::start(database.endpoint().address());
    let port = database.endpoint().address().port();
    let url = url(&database, "app", &query).replace(
        &format!(":{port}/"),
        &format!(":{}/", proxy.address().port()),
    );
    let factory = factory(&url);
    for id in 0..3 {
        factory.scope(insert(id)).await.unwrap();
    }
    // As in `wire.rs`: requests sent before an answer arrives belong to one round trip.
    proxy.delay(Direction::ToClient, Duration::from_millis(80));
    proxy.reset_counts();
    factory.scope(insert(10)).await.unwrap();
    assert_eq!(proxy.counts().round_trips, 2, "{:?}", proxy.counts());
}

fn global_factory(argument: &str, url: &str) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg(argument)
        .env("DATABASE_URL", url)
        .env("DB_ECHO", if argument == "one-call" { "yes" } else { "no" })
        .env("DB_POOL_TIMEOUT", "10s")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

#[tokio::test]
async fn a_global_factory_serves_every_runtime_over_tls_and_echoes() {
    let (_server, database, query) = encrypted_only().await;
    let url = url(&database, "app", &query);
    let (out, err) = global_factory("", &url);
    assert!(out.contains("no slot was lost"), "{out}{err}");
    let items = database.integer("SELECT count(*) FROM items").await;
    assert_eq!(items, 30, "what hung was rolled back");
    let (_out, err) = global_factory("one-call", &url);
    assert!(err.contains("error: duplicate key"), "{err}");
    assert!(err.contains("ROLLBACK -- "), "{err}");
}

#[tokio::test]
async fn a_connection_of_the_applications_pool_is_cancelled_through_tls() {
    let (server, database, _query) = encrypted_only().await;
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_file(root_of(&server)).unwrap();
    roots.add(root).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let client = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = MakeRustlsConnect::new(client);
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(move |url| {
        let (url, tls) = (url.to_owned(), tls.clone());
        Box::pin(async move {
            let bad =
                |error: tokio_postgres::Error| ConnectionError::BadConnection(error.to_string());
            let (client, connection) = tokio_postgres::connect(&url, tls).await.map_err(bad)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        })
    });
    let url = url(&database, "app", "sslmode=require");
    let manager = AsyncDieselConnectionManager::new_with_config(url, config);
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool);
    assert!(is_encrypted(&factory).await.unwrap());
    tokio::time::timeout(Duration::from_millis(300), factory.scope(slow(1)))
        .await
        .unwrap_err();
    nothing_runs(&database).await;
    factory.scope(insert(1)).await.unwrap();
}

#[tokio::test]
async fn a_cancel_that_is_slow_to_get_through_tls_hits_no_later_borrower() {
    let (_server, database, query) = encrypted_only().await;
    let server = database.endpoint().address();
    // Longer than recovery waits for a cancel request.
    let address = slow_but_the_first(server, Duration::from_millis(2_300)).await;
    let direct = url(&database, "app", &query);
    let url = direct.replace(&server.port().to_string(), &address.port().to_string());
    assert_ne!(direct, url);
    let factory = factory(&url);
    let sleep = async |seconds: &'static str| {
        let call = factory.with_session(async |db| {
            db.batch_execute(&format!("SELECT pg_sleep({seconds})"))
                .await?;
            Ok::<_, AppError>(())
        });
        call.await
    };
    sleep("0").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(100), sleep("0.2"));
    dropped.await.unwrap_err();
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        sleep("0.05").await.expect("nobody cancelled this one");
    }
}
