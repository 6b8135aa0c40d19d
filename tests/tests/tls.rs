//! TLS to PostgreSQL: `sslmode` means what it means to libpq, on every kind of server, and encrypted
//! connections keep every promise of the plain ones.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::{ConnectionError, ExpressionMethods as _, QueryableByName};
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use session_factory::{
    ConnectError, ConnectErrorKind, Factory, Session, SessionError, with_session,
};
use session_factory_tests::{AppError, PgDb, items, pg_config};
use testbed::certificates::{Authority, Certificate};
use testbed::postgres::{Database, PASSWORD, Server, Tls};
use testbed::proxy::{Direction, Proxy};
use tokio_postgres_rustls::MakeRustlsConnect;

const ITEMS: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";

/// How an attempt to connect ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Plain,
    Encrypted,
    Refused(ConnectErrorKind),
}

use Outcome::{Encrypted, Plain, Refused};

const TLS: Outcome = Refused(ConnectErrorKind::Tls);
const AUTH: Outcome = Refused(ConnectErrorKind::Authentication);

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    ssl: bool,
}

fn factory(url: &str) -> Factory<PgDb> {
    Factory::new(pg_config(url, |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    }))
}

fn connect_error(error: &SessionError) -> ConnectError {
    let SessionError::Acquire(error) = error else {
        panic!("{error:?}")
    };
    error.connect_error().expect("a connect error").clone()
}

async fn is_encrypted(factory: &Factory<PgDb>) -> Result<bool, SessionError> {
    factory
        .with_session(async |db| {
            use diesel_async::RunQueryDsl as _;
            let own = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let answer: Answer = diesel::sql_query(own).get_result(db).await?;
            Ok(answer.ssl)
        })
        .await
}

async fn outcome(url: &str) -> Outcome {
    match is_encrypted(&factory(url)).await {
        Ok(true) => Encrypted,
        Ok(false) => Plain,
        Err(error) => Refused(connect_error(&error).kind()),
    }
}

fn url(database: &Database, user: &str, query: &str) -> String {
    let (port, name) = (database.endpoint().address().port(), database.name());
    format!("postgres://{user}@localhost:{port}/{name}?{query}")
}

fn file(name: &str, path: &Path) -> String {
    format!("&{name}={}", path.display())
}

#[tokio::test]
async fn each_sslmode_on_each_server_is_as_libpq_has_it() {
    let (authority, users) = (Authority::new(), Authority::new());
    let root = file("sslrootcert", &authority.file());
    let modes = [
        "sslmode=disable".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=require{root}"),
        format!("sslmode=verify-ca{root}"),
        format!("sslmode=verify-full{root}"),
    ];
    let user = users.issue("app");
    let ours = file("sslcert", &user.certificate_file()) + &file("sslkey", &user.key_file());
    let stranger = authority.issue("app");
    let theirs =
        file("sslcert", &stranger.certificate_file()) + &file("sslkey", &stranger.key_file());
    let right = authority.issue("localhost");
    let wrong_name = authority.issue("db.example");
    let expired = authority.issue_expired("localhost");
    let self_signed = Certificate::self_signed("localhost");
    let with = |certificate| Tls {
        certificate: Some(certificate),
        ..Tls::default()
    };
    let clients = Tls {
        certificate: Some(&right),
        clients: Some(&users),
        ..Tls::default()
    };
    #[rustfmt::skip]
    let servers = [
        // the server                                disable prefer     require    + root     verify-ca  verify-full
        ("no TLS", Tls::default(), "",               [Plain, Plain,     TLS,       TLS,       TLS,       TLS]),
        ("the right certificate", with(&right), "",  [Plain, Encrypted, Encrypted, Encrypted, Encrypted, Encrypted]),
        ("another host's", with(&wrong_name), "",    [Plain, Encrypted, Encrypted, Encrypted, Encrypted, TLS]),
        ("an expired one", with(&expired), "",       [Plain, Encrypted, Encrypted, TLS,       TLS,       TLS]),
        ("a self-signed one", with(&self_signed), "",[Plain, Encrypted, Encrypted, TLS,       TLS,       TLS]),
        ("asks for ours", clients, ours.as_str(),    [AUTH,  Encrypted, Encrypted, Encrypted, Encrypted, Encrypted]),
        ("asks, we have none", clients, "",          [AUTH,  AUTH,      AUTH,      AUTH,      AUTH,      AUTH]),
        ("asks, a stranger's", clients, &theirs,     [AUTH,  AUTH,      TLS,       TLS,       TLS,       TLS]),
    ];
    let server = Server::start().await;
    let database = server.database().await;
    for (name, tls, identity, expected) in servers {
        server.set_tls(tls).await;
        let mut found = Vec::new();
        for mode in &modes {
            let query = format!("{mode}{identity}");
            found.push(outcome(&url(&database, "app", &query)).await);
        }
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn a_refused_certificate_is_told_with_its_reason() {
    let authority = Authority::new();
    let server = Server::start().await;
    let database = server.database().await;
    let query = format!(
        "sslmode=verify-full{}",
        file("sslrootcert", &authority.file())
    );
    let said = async |certificate: &Certificate, query: &str| {
        let tls = Tls {
            certificate: Some(certificate),
            ..Tls::default()
        };
        server.set_tls(tls).await;
        let error = is_encrypted(&factory(&url(&database, "app", query))).await;
        connect_error(&error.unwrap_err()).to_string()
    };
    let wrong_name = said(&authority.issue("db.example"), &query).await;
    assert!(
        wrong_name.contains("localhost") && wrong_name.contains("db.example"),
        "{wrong_name}"
    );
    let expired = said(&authority.issue_expired("localhost"), &query).await;
    assert!(expired.contains("expired"), "{expired}");
    let unknown = said(&Certificate::self_signed("localhost"), &query).await;
    assert!(
        unknown.contains("no authority that is trusted here"),
        "{unknown}"
    );
    // The platform does not know a private authority either.
    let right = authority.issue("localhost");
    for query in [
        "sslmode=verify-full",
        "sslrootcert=system",
        "sslmode=verify-ca",
    ] {
        let text = said(&right, query).await;
        assert!(
            text.contains("no authority that is trusted here")
                || text.contains("no trusted authorities"),
            "{text}"
        );
    }
    for (files, part) in [
        ("&sslrootcert=/nowhere.pem", "/nowhere.pem: No such file"),
        ("&sslcert=/nowhere.pem&sslkey=/nowhere.key", "/nowhere.pem"),
    ] {
        let text = said(&right, &format!("sslmode=require{files}")).await;
        assert!(text.contains(part), "{text}");
    }
    let key = right.key_file();
    let no_certificate = format!("sslmode=verify-ca{}", file("sslrootcert", &key));
    let text = said(&right, &no_certificate).await;
    assert!(text.contains("holds no certificate"), "{text}");
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_given_as_its_own_root_is_trusted() {
    let server = Server::start().await;
    let database = server.database().await;
    let tls = |certificate| Tls {
        certificate: Some(certificate),
        ..Tls::default()
    };
    let own = Certificate::self_signed("localhost");
    let root = file("sslrootcert", &own.certificate_file());
    server.set_tls(tls(&own)).await;
    let full = url(&database, "app", &format!("sslmode=verify-full{root}"));
    assert_eq!(outcome(&full).await, Encrypted);
    // For its name alone, and no other certificate of that name.
    let elsewhere = full.replace("localhost", "127.0.0.1");
    assert_eq!(outcome(&elsewhere).await, TLS);
    server
        .set_tls(tls(&Certificate::self_signed("localhost")))
        .await;
    assert_eq!(outcome(&full).await, TLS);
}

/// A server that lets nobody in without TLS, and a database on it.
async fn encrypted_only() -> (Server, Database, String) {
    let authority = Authority::new();
    let certificate = authority.issue("localhost");
    let server = Server::start().await;
    server
        .set_tls(Tls {
            certificate: Some(&certificate),
            required: true,
            clients: None,
        })
        .await;
    let database = server.database().await;
    database.execute(ITEMS).await;
    // The root is read for each connection: it has to outlive this function.
    let root = server.folder().join("authority.pem");
    std::fs::copy(authority.file(), &root).unwrap();
    let query = format!("sslmode=verify-full{}", file("sslrootcert", &root));
    (server, database, query)
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
    assert_eq!(outcome(&bound).await, Encrypted);
    // Without TLS there is no channel to bind it to.
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

#[with_session]
async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    use diesel_async::RunQueryDsl as _;
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await?;
    Ok(())
}

#[with_session(timeout = "300ms")]
async fn hurried(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    slow_in(db, id).await
}

async fn nothing_runs(database: &Database) {
    testbed::eventually(Duration::from_secs(10), "no query runs", || async {
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
    // A request in the clear would be refused by nobody, so the proxy looks at what is sent.
    let proxy = Proxy::start(database.endpoint().address());
    let direct = url(&database, "app", &query);
    let port = database.endpoint().address().port();
    let proxied = direct.replace(
        &format!(":{port}/"),
        &format!(":{}/", proxy.address().port()),
    );
    let factory = factory(&proxied);
    let started = Instant::now();
    // Dropped.
    tokio::time::timeout(Duration::from_millis(300), factory.scope(slow(1)))
        .await
        .unwrap_err();
    nothing_runs(&database).await;
    // Past its deadline.
    let error = factory.scope(hurried(2)).await.unwrap_err();
    assert!(
        matches!(error, AppError::Session(SessionError::Timeout(_))),
        "{error:?}"
    );
    nothing_runs(&database).await;
    // Left behind by its body, before the next statement.
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
    // The same connection all the time, and nothing but TLS.
    let counts = proxy.counts();
    assert_eq!(database.admin().connections().await, 1);
    assert_eq!(counts.cancel_requests, 0, "{counts:?}");
    assert!(counts.opened > 3, "{counts:?}");
    assert_eq!(database.integer("SELECT count(*) FROM items").await, 1);
    // Killed at shutdown.
    let call = tokio::spawn(factory.clone().scope(slow(4)));
    testbed::eventually(Duration::from_secs(10), "it runs", || async {
        let activity = database.admin().activity().await;
        activity
            .iter()
            .any(|backend| backend.query.contains("pg_sleep") && backend.is_active())
    })
    .await;
    factory.shutdown(Duration::from_millis(50)).await;
    nothing_runs(&database).await;
    call.await.unwrap().unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn the_protocol_is_watched_above_the_encryption() {
    let (server, database, query) = encrypted_only().await;
    let factory = factory(&url(&database, "app", &query));
    // A swallowed error is known, an SQLSTATE too.
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
    // A server that goes away is noticed without asking.
    server.restart().await;
    testbed::eventually(Duration::from_secs(10), "it connects again", || async {
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
    // As in `wire.rs`: what is sent before an answer arrives is the same round trip.
    proxy.delay(Direction::ToClient, Duration::from_millis(3));
    proxy.reset_counts();
    factory.scope(insert(10)).await.unwrap();
    assert_eq!(proxy.counts().round_trips, 2, "{:?}", proxy.counts());
}

fn global_factory(argument: &str, url: &str, platform: Option<&Path>) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg(argument)
        .env("DATABASE_URL", url)
        .envs(platform.map(|roots| ("SSL_CERT_FILE", roots)))
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
    let (out, err) = global_factory("", &url, None);
    assert!(out.contains("no slot was lost"), "{out}{err}");
    let items = database.integer("SELECT count(*) FROM items").await;
    assert_eq!(items, 30, "what hung was rolled back");
    let (_out, err) = global_factory("one-call", &url, None);
    assert!(err.contains("error: duplicate key"), "{err}");
    assert!(err.contains("ROLLBACK -- "), "{err}");
}

#[tokio::test]
async fn the_platforms_authorities_are_trusted_when_no_root_is_named() {
    let (server, database, _query) = encrypted_only().await;
    let root = server.folder().join("authority.pem");
    for query in [
        "sslmode=verify-full",
        "sslrootcert=system",
        "sslmode=verify-ca",
    ] {
        // What OpenSSL too takes for the platform's.
        let url = url(&database, "app", query);
        let (out, err) = global_factory("init", &url, Some(&root));
        assert!(out.contains("connected"), "{query}: {out}{err}");
        let (out, _err) = global_factory("init", &url, None);
        assert!(
            !out.contains("connected") && out.contains("TLS with"),
            "{query}: {out}"
        );
    }
}

#[tokio::test]
async fn a_connection_of_the_applications_pool_is_cancelled_through_tls() {
    let (server, database, _query) = encrypted_only().await;
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_file(server.folder().join("authority.pem")).unwrap();
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
