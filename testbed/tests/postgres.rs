//! The tests' servers: found, started, ended and cleaned up.

use testbed::postgres::{self, Builder, PASSWORD, Server};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn each_database_is_fresh_and_owned_by_the_ordinary_user() {
    let (one, other) = (postgres::database().await, postgres::database().await);
    for database in [&one, &other] {
        let client = connect(&database.url()).await.unwrap();
        client
            .batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
            .await
            .unwrap();
        assert_eq!(database.integer("SELECT count(*) FROM t").await, 1);
    }
    let client = connect(&one.url()).await.unwrap();
    let row = client
        .query_one("SELECT current_setting('is_superuser')", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "off");
}

#[tokio::test]
async fn a_database_is_removed_with_its_value() {
    let database = postgres::database().await;
    let admin = database.endpoint().admin();
    let sql = format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{}'",
        database.name()
    );
    let _open = connect(&database.url()).await.unwrap();
    assert_eq!(admin.integer(&sql).await, 1);
    drop(database);
    testbed::eventually(testbed::PATIENCE, "the database is gone", async || {
        admin.integer(&sql).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_database_has_its_tables() {
    let original = postgres::database().await;
    original.execute("CREATE TABLE t (n int)").await;
    let copy = original.endpoint().database_like(&original).await;
    connect(&copy.url())
        .await
        .unwrap()
        .batch_execute("INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    assert_eq!(copy.integer("SELECT count(*) FROM t").await, 1);
    assert_eq!(original.integer("SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn the_guarded_role_needs_its_password() {
    let database = postgres::database().await;
    connect(&database.url_with_password(PASSWORD))
        .await
        .unwrap();
    let error = connect(&database.url_with_password("wrong"))
        .await
        .unwrap_err();
    assert_eq!(error.code().unwrap().code(), "28P01");
}

#[tokio::test]
async fn the_administrator_sees_what_the_connections_do_and_ends_them() {
    let database = postgres::database().await;
    let admin = database.admin();
    let client = connect(&database.url()).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let activity = admin.activity().await;
    assert_eq!(activity.len(), 1, "{activity:?}");
    assert!(activity[0].is_idle_in_transaction() && activity[0].in_transaction);
    assert_eq!(
        (activity[0].user.as_str(), activity[0].query.as_str()),
        ("app", "BEGIN")
    );

    let sleeping = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(60)").await });
    testbed::eventually(testbed::PATIENCE, "it sleeps", async || {
        admin.activity().await[0].wait == "Timeout:PgSleep"
    })
    .await;
    assert_eq!(admin.terminate_all().await, 1);
    let error = sleeping.await.unwrap().unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57P01");
    testbed::eventually(testbed::PATIENCE, "it has gone", async || {
        admin.connections().await == 0
    })
    .await;
}

#[tokio::test]
async fn a_private_server_survives_restart_and_kill_with_its_data() {
    let server = Server::start().await;
    let database = server.database().await;
    database
        .execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
        .await;
    let (address, client) = (server.address(), connect(&database.url()).await.unwrap());

    server.restart().await;
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert_eq!(server.address(), address);
    assert_eq!(database.integer("SELECT count(*) FROM t").await, 1);

    let client = connect(&database.url()).await.unwrap();
    let busy = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(60)").await });
    server.kill().await;
    assert!(busy.await.unwrap().is_err());
    assert!(connect(&database.url()).await.is_err(), "nobody listens");
    server.start_again().await;
    assert_eq!(database.integer("SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn a_private_server_takes_settings() {
    let server = Server::builder()
        .max_connections(2)
        .fsync(true)
        .config("application_name", "it's mine")
        .start()
        .await;
    let database = server.database().await;
    let admin = database.admin();
    assert_eq!(
        admin.connections().await,
        0,
        "the administrator takes no place"
    );
    let show = async |name: &str| server.admin().text(&format!("SHOW {name}")).await;
    assert_eq!(show("fsync").await, "on");
    let held = [
        connect(&database.url()).await.unwrap(),
        connect(&database.url()).await.unwrap(),
    ];
    let error = connect(&database.url()).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "53300");
    let row = held[0]
        .query_one("SHOW application_name", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "it's mine");
    assert_eq!(
        server.admin().integer("SELECT 1").await,
        1,
        "the administrator still gets in"
    );
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_folder() {
    let server = Server::start().await;
    let (address, log) = (server.address(), server.log());
    assert!(log.exists());
    drop(server);
    assert!(!log.exists());
    assert!(!log.parent().unwrap().exists());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_setting_that_is_refused_is_reported_with_the_servers_words() {
    let builder: Builder = Server::builder().config("shared_buffers", "none");
    let error = builder.try_start().await.unwrap_err();
    assert!(error.to_string().contains("shared_buffers"), "{error}");
}

#[test]
fn a_server_ends_when_its_owners_process_is_killed() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let mut owner = Command::new(env!("CARGO_BIN_EXE_testbed-servers"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let lines: Vec<_> = lines.take_while(|line| line != "ready").collect();
    let address = lines
        .iter()
        .find_map(|line| line.strip_prefix(postgres::VARIABLE))
        .unwrap();
    let address = address.trim_start_matches('=');
    std::net::TcpStream::connect(address).unwrap();

    owner.kill().unwrap();
    owner.wait().unwrap();
    testbed::block_on(testbed::eventually(
        testbed::PATIENCE,
        "it has ended",
        async || std::net::TcpStream::connect(address).is_err(),
    ));
}
