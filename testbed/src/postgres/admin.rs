//! An administrator's connection, which observes the server from outside the tested code.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::background;

/// A superuser's connection. It is opened on first use, and again after it was lost.
///
/// It never appears in [`activity`](Admin::activity), and it bypasses any proxy. Clones share the
/// connection.
#[derive(Clone, Debug)]
pub struct Admin {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    client: Mutex<Option<Client>>,
}

/// The application name that distinguishes the testbed's connections from the test's.
const OURS: &str = "testbed";

/// What one connection of this database is doing, from `pg_stat_activity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The backend's process number.
    pub pid: i32,
    /// The connection's role.
    pub user: String,
    /// `active`, `idle`, `idle in transaction`, `idle in transaction (aborted)`, …
    pub state: String,
    /// The running statement, or the last one.
    pub query: String,
    /// The event that the backend waits for, as `Lock:transactionid` or `Timeout:PgSleep`; empty if
    /// there is none.
    pub wait: String,
    /// True if the connection has an open transaction.
    pub in_transaction: bool,
}

impl Activity {
    /// True if a statement is running.
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// True if the connection has an open transaction and runs nothing.
    pub fn is_idle_in_transaction(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }
}

impl Admin {
    pub(crate) fn new(address: SocketAddr, database: &str) -> Self {
        let mut config = Config::new();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .user("testbed")
            .dbname(database)
            .application_name(OURS)
            .connect_timeout(std::time::Duration::from_secs(5));
        Self {
            inner: Arc::new(Inner {
                config,
                client: Mutex::new(None),
            }),
        }
    }

    /// Runs statements, separated by semicolons.
    ///
    /// # Panics
    /// If a statement fails.
    pub async fn execute(&self, sql: &str) {
        self.rows(sql).await;
    }

    /// Returns a query's rows, each value as text.
    ///
    /// # Panics
    /// If the query fails.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_rows(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {}", describe(&error)))
    }

    /// Returns a query's rows, each value as text, or the server's error.
    pub async fn try_rows(
        &self,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
        let (inner, sql) = (Arc::clone(&self.inner), sql.to_owned());
        background::run(async move { inner.rows(&sql).await }).await
    }

    /// Returns the single text that a query selects.
    pub async fn text(&self, sql: &str) -> String {
        let value = self
            .rows(sql)
            .await
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?);
        value.unwrap_or_else(|| panic!("{sql}: no value"))
    }

    /// Returns the single number that a query selects.
    pub async fn integer(&self, sql: &str) -> i64 {
        let text = self.text(sql).await;
        text.parse()
            .unwrap_or_else(|_| panic!("{sql}: {text} is no whole number"))
    }

    /// All clients' connections to this database, except the testbed's.
    pub async fn activity(&self) -> Vec<Activity> {
        let sql = format!(
            "SELECT pid, coalesce(usename, ''), coalesce(state, ''), query, \
             coalesce(wait_event_type || ':' || wait_event, ''), xact_start IS NOT NULL \
             FROM pg_stat_activity WHERE {CLIENTS} ORDER BY pid"
        );
        let rows = self.rows(&sql).await;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let activity = |row: Vec<Option<String>>| Activity {
            pid: text(&row[0]).parse().expect("pid is a number"),
            user: text(&row[1]),
            state: text(&row[2]),
            query: text(&row[3]),
            // `Client:ClientRead` means that the backend is idle.
            wait: Some(text(&row[4]))
                .filter(|wait| wait != "Client:ClientRead")
                .unwrap_or_default(),
            in_transaction: text(&row[5]) == "t",
        };
        rows.into_iter().map(activity).collect()
    }

    /// The number of connections to this database, except the testbed's.
    pub async fn connections(&self) -> usize {
        self.activity().await.len()
    }

    /// The number of locks that this database's clients hold or wait for, except each client's lock
    /// on its own transaction id.
    pub async fn locks(&self) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_locks WHERE locktype <> 'virtualxid' AND pid IN \
             (SELECT pid FROM pg_stat_activity WHERE {CLIENTS})"
        );
        self.integer(&sql).await
    }

    /// Closes a backend, as `pg_terminate_backend` does. It ends a moment later. Returns `false` if
    /// no backend has this number.
    pub async fn terminate(&self, pid: i32) -> bool {
        self.text(&format!("SELECT pg_terminate_backend({pid})"))
            .await
            == "t"
    }

    /// Closes all connections to this database except the testbed's, and returns their number.
    pub async fn terminate_all(&self) -> i64 {
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {CLIENTS}"
        );
        self.integer(&sql).await
    }

    /// Cancels a backend's statement, as `pg_cancel_backend` does.
    pub async fn cancel(&self, pid: i32) -> bool {
        self.text(&format!("SELECT pg_cancel_backend({pid})")).await == "t"
    }

    /// Closes the administrator's connection; the next call opens another one.
    pub async fn disconnect(&self) {
        let client = self.inner.client.lock().await.take();
        drop(client);
    }
}

/// The SQL condition for this database's clients, except the testbed's.
const CLIENTS: &str = "datname = current_database() AND backend_type = 'client backend' \
                       AND application_name <> 'testbed'";

impl Inner {
    async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
        let mut slot = self.client.lock().await;
        if slot.as_ref().is_none_or(Client::is_closed) {
            *slot = Some(self.connect().await?);
        }
        let Some(client) = slot.as_ref() else {
            return Ok(Vec::new());
        };
        let messages = match client.simple_query(sql).await {
            // The server was restarted since the last call, which only this call notices.
            Err(error) if error.is_closed() || client.is_closed() => {
                slot.insert(self.connect().await?).simple_query(sql).await?
            }
            answer => answer?,
        };
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|i| row.get(i).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        background::handle().spawn(connection);
        Ok(client)
    }
}

/// The server's own message; the error's `Display` is only "db error".
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
