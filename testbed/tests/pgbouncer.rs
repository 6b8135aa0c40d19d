//! PgBouncer in its three modes, as the tests rely on it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use testbed::pgbouncer::{PgBouncer, PoolMode};
use testbed::postgres::{self, PASSWORD};
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn backend(client: &Client) -> String {
    let rows = client
        .simple_query("SELECT pg_backend_pid()")
        .await
        .unwrap();
    rows.into_iter()
        .find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .unwrap()
}

#[tokio::test]
async fn in_session_mode_a_client_has_a_server_connection_of_its_own() {
    let database = postgres::database().await;
    let pooler = PgBouncer::start(database.endpoint().address(), PoolMode::Session).await;
    let url = database.url_at(pooler.address());
    let (one, other) = (connect(&url).await, connect(&url).await);
    assert_ne!(backend(&one).await, backend(&other).await);
    assert_eq!(database.admin().connections().await, 2);
}

#[tokio::test]
async fn in_transaction_mode_clients_share_server_connections_between_transactions() {
    let database = postgres::database().await;
    let server = database.endpoint().address();
    let pooler = PgBouncer::with_pool_size(server, PoolMode::Transaction, 1).await;
    let url = database.url_at(pooler.address());
    let (one, other) = (connect(&url).await, connect(&url).await);
    assert_eq!(backend(&one).await, backend(&other).await);
    one.batch_execute("BEGIN").await.unwrap();
    let waiting = tokio::spawn(async move { backend(&other).await });
    let console = pooler.console();
    testbed::eventually(testbed::PATIENCE, "the other waits", async || {
        let pools = console.rows("SHOW POOLS").await;
        // The third and fourth columns are active and waiting clients.
        pools.iter().any(|pool| pool[3].as_deref() == Some("1"))
    })
    .await;
    one.batch_execute("COMMIT").await.unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn in_statement_mode_transactions_are_refused() {
    let database = postgres::database().await;
    let pooler = PgBouncer::start(database.endpoint().address(), PoolMode::Statement).await;
    let client = connect(&database.url_at(pooler.address())).await;
    backend(&client).await;
    assert!(client.batch_execute("BEGIN").await.is_err());
}

#[tokio::test]
async fn the_role_with_a_password_gets_through_and_a_restart_cuts_everybody_off() {
    let database = postgres::database().await;
    let pooler = PgBouncer::start(database.endpoint().address(), PoolMode::Session).await;
    let url = format!(
        "postgres://guarded:{PASSWORD}@{}/{}",
        pooler.address(),
        database.name()
    );
    let client = connect(&url).await;
    backend(&client).await;
    pooler.stop().await;
    assert!(client.batch_execute("SELECT 1").await.is_err());
    pooler.start_again().await;
    backend(&connect(&url).await).await;
    let log = pooler.log();
    drop(pooler);
    assert!(!log.exists());
}
