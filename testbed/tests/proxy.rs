//! The proxy: what it counts, and how it misbehaves.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::{Duration, Instant};

use testbed::postgres::{self, Database};
use testbed::proxy::{Action, Cut, Direction, Protocol, Proxy, Scope};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A database behind a proxy, and a client on a warm connection.
async fn proxied() -> (Database, Proxy, Client) {
    let database = postgres::database().await;
    let proxy = Proxy::start(database.endpoint().address());
    let client = connect(&database.url_via(&proxy)).await.unwrap();
    proxy.reset_counts();
    (database, proxy, client)
}

#[tokio::test]
async fn counts_round_trips_and_statements() {
    let (_database, proxy, client) = proxied().await;
    assert_eq!((proxy.counts().round_trips, proxy.counts().open), (0, 1));

    client.batch_execute("BEGIN").await.unwrap();
    let prepared = client.prepare("SELECT 1 + $1::int").await.unwrap();
    for n in 0..3 {
        client.query_one(&prepared, &[&n]).await.unwrap();
    }
    client.batch_execute("COMMIT").await.unwrap();

    let counts = proxy.counts();
    assert_eq!(counts.round_trips, 6, "{counts:?}");
    assert_eq!(
        (counts.queries(), counts.parses(), counts.executes()),
        (2, 1, 3)
    );
    assert_eq!((counts.syncs(), counts.ready(), counts.errors()), (4, 6, 0));
    assert!(counts.bytes_to_server > 100 && counts.bytes_to_client > 100);
    let select = "SELECT 1 + $1::int";
    assert_eq!(proxy.sql(), ["BEGIN", select, select, select, "COMMIT"]);
}

#[tokio::test]
async fn pipelined_requests_are_one_round_trip_when_answers_are_delayed() {
    let (_database, proxy, client) = proxied().await;
    proxy.delay(Direction::ToClient, Duration::from_millis(5));
    for _ in 0..20 {
        let two = [
            client.batch_execute("BEGIN"),
            client.batch_execute("COMMIT"),
        ];
        let [one, other] = two;
        let (one, other) = tokio::join!(one, other);
        one.and(other).unwrap();
    }
    assert_eq!(proxy.counts().round_trips, 20);
}

#[tokio::test]
async fn counts_connections_ever_and_now_and_cancel_requests_apart() {
    let (database, proxy, client) = proxied().await;
    let others = [
        connect(&database.url_via(&proxy)).await.unwrap(),
        connect(&database.url_via(&proxy)).await.unwrap(),
    ];
    drop(others);
    testbed::eventually(testbed::PATIENCE, "two have closed", async || {
        proxy.counts().open == 1
    })
    .await;
    let cancel = client.cancel_token();
    let sleep = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(60)").await });
    let admin = database.admin();
    testbed::eventually(testbed::PATIENCE, "it sleeps", async || {
        admin.activity().await[0].is_active()
    })
    .await;
    cancel.cancel_query(NoTls).await.unwrap();
    let error = sleep.await.unwrap().unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");
    let counts = proxy.counts();
    assert_eq!(
        (counts.opened, counts.most_open, counts.cancel_requests),
        (2, 3, 1),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_cancel_request_that_asks_for_tls_first_is_no_connection() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (_database, proxy, _client) = proxied().await;
    let mut cancel = tokio::net::TcpStream::connect(proxy.address())
        .await
        .unwrap();
    let packet = |length: u32, code: u32| [length.to_be_bytes(), code.to_be_bytes()].concat();
    let mut answer = [0];
    cancel.write_all(&packet(8, 80_877_103)).await.unwrap();
    cancel.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"N");
    cancel.write_all(&packet(16, 80_877_102)).await.unwrap();
    cancel.write_all(&[0; 8]).await.unwrap();
    assert_eq!(cancel.read(&mut answer).await.unwrap(), 0);
    let counts = proxy.counts();
    assert_eq!(
        (counts.opened, counts.open, counts.cancel_requests),
        (0, 1, 1),
        "{counts:?}"
    );
}

#[tokio::test]
async fn cuts_after_every_byte_of_a_connection() {
    let database = postgres::database().await;
    let proxy = Proxy::start(database.endpoint().address());
    let url = database.url_via(&proxy);
    let conversation = async || {
        let client = connect(&url).await?;
        let answer = client.batch_execute("SELECT 1").await;
        drop(client);
        testbed::eventually(testbed::PATIENCE, "it has closed", async || {
            proxy.counts().open == 0
        })
        .await;
        answer
    };
    conversation().await.unwrap();
    let whole = proxy.counts();
    for (direction, all) in [
        (Direction::ToServer, whole.bytes_to_server),
        (Direction::ToClient, whole.bytes_to_client),
    ] {
        for bytes in (0..all).step_by(7) {
            for action in [Action::Reset, Action::Close] {
                proxy.reset_counts();
                proxy.arm(
                    Cut::after(bytes, direction)
                        .action(action)
                        .scope(Scope::Next),
                );
                // The cut may hit the client's goodbye: then the conversation had ended already.
                let ended = conversation().await;
                let passed = match direction {
                    Direction::ToServer => proxy.counts().bytes_to_server,
                    Direction::ToClient => proxy.counts().bytes_to_client,
                };
                if !proxy.is_armed() {
                    assert!(
                        ended.is_err() || bytes + 5 >= all,
                        "{direction:?} {bytes} {action:?}"
                    );
                    assert_eq!(passed, bytes, "{direction:?} {action:?}");
                }
                proxy.disarm();
            }
        }
    }
    conversation().await.unwrap();
}

#[tokio::test]
async fn a_cut_strikes_whom_it_is_for() {
    let (database, proxy, old) = proxied().await;
    let connect = async || connect(&database.url_via(&proxy)).await;

    proxy.arm(Cut::after(0, Direction::ToClient).scope(Scope::Next));
    old.batch_execute("SELECT 1").await.unwrap();
    assert!(connect().await.is_err());
    let spared = connect().await.unwrap();

    proxy.arm(Cut::after(0, Direction::ToServer).scope(Scope::Every));
    assert!(connect().await.is_err());
    assert!(connect().await.is_err());
    proxy.disarm();
    spared.batch_execute("SELECT 1").await.unwrap();

    proxy.arm(Cut::after(6, Direction::ToServer));
    old.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(proxy.counts().faults, 4);
    spared.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_stalled_connection_is_silent_and_later_ones_work() {
    let database = postgres::database().await;
    let proxy = Proxy::start(database.endpoint().address());
    let config = database.url_via(&proxy);
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    proxy.arm(Cut::after(3, Direction::ToClient).action(Action::Stall));
    let silent = tokio::time::timeout(Duration::from_millis(100), client.batch_execute("SELECT 1"));
    silent.await.unwrap_err();
    connect(&database.url_via(&proxy))
        .await
        .unwrap()
        .batch_execute("SELECT 1")
        .await
        .unwrap();

    proxy.stall();
    let url = database.url_via(&proxy);
    let attempt = connect(&url);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), attempt)
            .await
            .is_err()
    );
    proxy.resume().await;
    connect(&database.url_via(&proxy))
        .await
        .unwrap()
        .batch_execute("SELECT 1")
        .await
        .unwrap();

    connection.abort();
    let admin = database.admin();
    testbed::eventually(
        testbed::PATIENCE,
        "a closed client's connection ends",
        async || admin.connections().await == 0,
    )
    .await;
}

#[tokio::test]
async fn delays_throttles_and_holds() {
    let (_database, proxy, client) = proxied().await;
    let start = Instant::now();
    proxy.delay(Direction::ToServer, Duration::from_millis(30));
    proxy.delay(Direction::ToClient, Duration::from_millis(30));
    client.batch_execute("SELECT 1").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(60));
    proxy.resume().await;

    let start = Instant::now();
    proxy.throttle(Direction::ToClient, 10, Duration::from_millis(1));
    client
        .simple_query("SELECT repeat('x', 500)")
        .await
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
    proxy.resume().await;

    proxy.hold(Direction::ToClient);
    let query = client.batch_execute("SELECT 1");
    tokio::pin!(query);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut query)
            .await
            .is_err()
    );
    proxy.release(Direction::ToClient);
    query.await.unwrap();
}

#[tokio::test]
async fn refuses_severs_and_resumes_on_the_same_port() {
    let (database, proxy, client) = proxied().await;
    let url = database.url_via(&proxy);
    proxy.refuse().await;
    assert!(std::net::TcpStream::connect(proxy.address()).is_err());
    client.batch_execute("SELECT 1").await.unwrap();
    proxy.sever(Action::Reset).await;
    assert_eq!(proxy.counts().open, 0);
    assert!(client.batch_execute("SELECT 1").await.is_err());
    proxy.resume().await;
    connect(&url)
        .await
        .unwrap()
        .batch_execute("SELECT 1")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_raw_proxy_counts_any_protocol() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::with_protocol(server.local_addr().unwrap(), Protocol::Raw);
    let echo = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        let (mut from, mut into) = stream.split();
        tokio::io::copy(&mut from, &mut into).await.unwrap();
    });
    let mut client = tokio::net::TcpStream::connect(proxy.address())
        .await
        .unwrap();
    for _ in 0..3 {
        client.write_all(b"hello").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
    }
    client.shutdown().await.unwrap();
    assert_eq!(
        client.read(&mut [0; 5]).await.unwrap(),
        0,
        "the end is passed on"
    );
    echo.await.unwrap();
    let counts = proxy.counts();
    assert_eq!(
        (
            counts.round_trips,
            counts.bytes_to_server,
            counts.bytes_to_client
        ),
        (3, 15, 15)
    );
}

#[test]
fn works_without_and_across_runtimes() {
    let database = testbed::block_on(postgres::database());
    let proxy = Proxy::start(database.endpoint().address());
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = runtime
            .block_on(connect(&database.url_via(&proxy)))
            .unwrap();
        runtime.block_on(client.batch_execute("SELECT 1")).unwrap();
    }
    assert_eq!(proxy.counts().opened, 2);
}
