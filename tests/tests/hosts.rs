//! Where a URL leads: several hosts, the required kind of server, Unix sockets, and every dialect,
//! on real servers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use session_factory::{ConnectErrorKind, Factory, SessionError};
use session_factory_tests::connect::{ask, connect_error, one_connection as factory};
use session_factory_tests::{LiteDb, LiteDbConfig, PgDb, pg_config};
use testbed::postgres::{PASSWORD, Server};
use testbed::proxy::Proxy;

async fn database_of(url: &str) -> Result<String, SessionError> {
    ask(&factory(url), "current_database()").await
}

fn refused<T: std::fmt::Debug>(result: Result<T, SessionError>) -> (ConnectErrorKind, String) {
    let error = connect_error(&result.unwrap_err());
    (error.kind(), error.to_string())
}

/// A port without a listener.
async fn deaf() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.await.unwrap().local_addr().unwrap()
}

/// A URL for the same database on any of the servers, which run on one machine.
fn any_of(servers: &[&Server], query: &str) -> String {
    let places: Vec<_> = servers
        .iter()
        .map(|server| server.address().to_string())
        .collect();
    format!("postgres://app@{}/postgres?{query}", places.join(","))
}

async fn port_of(servers: &[&Server], query: &str) -> Result<u16, SessionError> {
    let port = ask(&factory(&any_of(servers, query)), "inet_server_port()").await?;
    Ok(port.parse().unwrap())
}

#[tokio::test]
async fn every_dialect_reaches_the_database() {
    let database = testbed::postgres::database().await;
    let (address, name) = (database.endpoint().address(), database.name().to_owned());
    let (host, port) = (address.ip(), address.port());
    for url in [
        format!("postgres://app@{address}/{name}"),
        format!("postgresql://app@{address}/{name}?sslmode=disable"),
        format!("postgresql+psycopg2://app@{address}/{name}"),
        format!("postgresql+asyncpg://guarded:{PASSWORD}@{address}/{name}?ssl=prefer"),
        format!("postgresql+psycopg://app@/{name}?host={host}:{port}"),
        format!("host={host} port={port} user=app dbname={name}"),
        format!("hostaddr={host} host=db.invalid port={port} user=app dbname='{name}'"),
        format!("postgres://app@localhost:{port}/{name}?keepalives_idle=30&tcp_user_timeout=20000"),
    ] {
        assert_eq!(database_of(&url).await.unwrap(), name, "{url}");
    }
}

#[tokio::test]
async fn an_awkward_password_and_an_awkward_name_work_in_every_form() {
    let database = testbed::postgres::database().await;
    let (address, name) = (database.endpoint().address(), database.name().to_owned());
    let password = r#"p@s:s/w#o?r%d &= "x" 'ü' \é"#;
    // Roles belong to the whole server, so this one has a unique name. As a member of `guarded`, it
    // needs a password.
    let admin = database.admin();
    let literal = password.replace('\'', "''");
    let role = format!("odd {name}");
    admin
        .execute(&format!(
            "CREATE ROLE \"{role}\" LOGIN PASSWORD '{literal}' IN ROLE guarded"
        ))
        .await;
    let quoted = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    for url in [
        format!(
            "postgres://{}:{}@{address}/{name}",
            encoded(&role),
            encoded(password)
        ),
        format!(
            "host={} port={} user='{}' password='{}' dbname={name}",
            address.ip(),
            address.port(),
            quoted(&role),
            quoted(password)
        ),
    ] {
        let user = ask(&factory(&url), "current_user").await.unwrap();
        assert_eq!(user, role);
    }
    admin.execute(&format!("DROP ROLE \"{role}\"")).await;
}

#[tokio::test]
async fn a_unix_socket_is_reached_in_both_forms_and_cancels_there() {
    let server = Server::builder()
        .config("unix_socket_directories", ".")
        .start()
        .await;
    let database = server.database().await;
    let (folder, port, name) = (server.folder(), server.address().port(), database.name());
    let folder = folder.display().to_string();
    let encoded = folder.replace('/', "%2F");
    for url in [
        format!("postgres://app@{encoded}:{port}/{name}"),
        format!("postgres://app@/{name}?host={folder}&port={port}&sslmode=require"),
        format!("host={folder} port={port} user=app dbname={name}"),
    ] {
        let factory = factory(&url);
        let address = ask(&factory, "coalesce(inet_server_addr()::text, 'socket')").await;
        assert_eq!(address.unwrap(), "socket", "{url}");
        let started = Instant::now();
        let sleep = ask(&factory, "pg_sleep(60)");
        tokio::time::timeout(Duration::from_millis(100), sleep)
            .await
            .unwrap_err();
        ask(&factory, "1").await.unwrap();
        assert!(started.elapsed() < testbed::PATIENCE);
    }
    let elsewhere = format!("postgres://app@{encoded}:{}/{name}", port ^ 1);
    let (kind, text) = refused(database_of(&elsewhere).await);
    assert_eq!(kind, ConnectErrorKind::Refused);
    assert!(text.contains(&format!("{folder}/.s.PGSQL.")), "{text}");
}

#[tokio::test]
async fn the_next_host_is_tried_when_one_is_down_and_all_are_named_when_none_is_up() {
    let database = testbed::postgres::database().await;
    let (address, name) = (database.endpoint().address(), database.name());
    let deaf = deaf().await;
    let url = format!("postgres://app@{deaf},db.invalid,{address}/{name}");
    assert_eq!(database_of(&url).await.unwrap(), name);
    let nowhere = format!("postgres://app@{deaf},db.invalid/{name}");
    let (kind, text) = refused(database_of(&nowhere).await);
    assert_eq!(kind, ConnectErrorKind::Dns);
    assert!(
        text.contains(&deaf.to_string())
            && text.contains("host 2 of the 2 in the URL is not known"),
        "{text}"
    );
    // As in libpq: if one server refuses the user, the others are not tried.
    let stranger = format!("postgres://guarded:wrong@{address},{deaf}/{name}");
    let (kind, text) = refused(database_of(&stranger).await);
    assert_eq!(kind, ConnectErrorKind::Authentication);
    assert!(!text.contains(&deaf.to_string()), "{text}");
}

#[tokio::test]
async fn a_host_that_is_silent_leaves_time_for_the_others() {
    let database = testbed::postgres::database().await;
    let (address, name) = (database.endpoint().address(), database.name());
    let proxy = Proxy::start(address);
    proxy.stall();
    let silent = proxy.address();
    let fast = |query: &str| {
        let url = format!("postgres://app@{silent},{address}/{name}{query}");
        Factory::<PgDb>::new(pg_config(&url, |config| {
            config.connect_timeout = Duration::from_secs(8);
        }))
    };
    // Each host gets a fair share of connect_timeout.
    let started = Instant::now();
    ask(&fast(""), "1").await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(4));
    // The URL's own timeout applies.
    let started = Instant::now();
    ask(&fast("?connect_timeout=1"), "1").await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(4));
    let alone = format!("postgres://app@{silent}/{name}?connect_timeout=1");
    let (kind, text) = refused(database_of(&alone).await);
    assert_eq!(kind, ConnectErrorKind::TimedOut);
    assert!(text.contains(&silent.to_string()), "{text}");
}

#[tokio::test]
async fn target_session_attrs_finds_the_server_that_is_wanted() {
    let (primary, standby, frozen) =
        tokio::join!(Server::start(), Server::start(), Server::start());
    standby.make_standby().await;
    let freeze = "ALTER ROLE app SET default_transaction_read_only = on";
    frozen.admin().execute(freeze).await;
    let all = [&standby, &frozen, &primary];
    let port = |server: &Server| server.address().port();
    for (wanted, expected) in [
        ("any", &standby),
        ("read-write", &primary),
        ("read-only", &standby),
        ("primary", &frozen),
        ("standby", &standby),
        ("prefer-standby", &standby),
    ] {
        let query = format!("target_session_attrs={wanted}");
        assert_eq!(
            port_of(&all, &query).await.unwrap(),
            port(expected),
            "{wanted}"
        );
    }
    let backwards = [&primary, &frozen, &standby];
    let query = "target_session_attrs=prefer-standby";
    assert_eq!(port_of(&backwards, query).await.unwrap(), port(&standby));
    assert_eq!(
        port_of(&[&primary, &frozen], query).await.unwrap(),
        port(&primary)
    );
    let query = "target_session_attrs=read-only";
    assert_eq!(port_of(&backwards, query).await.unwrap(), port(&frozen));
    for (servers, wanted, said) in [
        ([&standby, &frozen], "read-write", "takes no writes"),
        ([&primary, &frozen], "standby", "is a primary"),
        ([&standby, &standby], "primary", "is a standby"),
        ([&primary, &primary], "read-only", "takes writes"),
    ] {
        let error = port_of(&servers, &format!("target_session_attrs={wanted}")).await;
        let (kind, text) = refused(error);
        assert_eq!(kind, ConnectErrorKind::Role);
        assert!(text.contains(said) && text.contains(wanted), "{text}");
    }
    // A server that was rejected has no connection left.
    for server in all {
        testbed::eventually(testbed::PATIENCE, "nobody is left", || async {
            server.admin().connections().await == 0
        })
        .await;
    }
}

#[tokio::test]
async fn load_balance_hosts_spreads_the_connections() {
    let (one, other) = tokio::join!(Server::start(), Server::start());
    let servers = [&one, &other];
    let seen = async |query: &str| {
        let mut seen = BTreeSet::new();
        for _ in 0..30 {
            seen.insert(port_of(&servers, query).await.unwrap());
        }
        seen
    };
    assert_eq!(seen("load_balance_hosts=disable").await.len(), 1);
    // The chance that all thirty connections use one server is one in half a billion.
    assert_eq!(seen("load_balance_hosts=random").await.len(), 2);
}

#[tokio::test]
async fn sqlite_is_found_in_every_dialect() {
    let folder = testbed::sqlite::Database::new();
    let path = folder.path().display().to_string();
    folder.execute("CREATE TABLE here (id INTEGER PRIMARY KEY)");
    for url in [
        format!("sqlite://{path}"),
        format!("sqlite:///{path}"),
        format!("sqlite+aiosqlite:///{path}"),
        format!("sqlite:{path}"),
        path.clone(),
    ] {
        let vars = |key: &str| (key == "DATABASE_URL").then(|| url.clone());
        let factory = Factory::<LiteDb>::new(LiteDbConfig::from_vars(vars).unwrap());
        let found: Result<(), SessionError> = factory
            .with_session(async |db| {
                diesel_async::SimpleAsyncConnection::batch_execute(db, "SELECT id FROM here")
                    .await?;
                Ok(())
            })
            .await;
        found.unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}
