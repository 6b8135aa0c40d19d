//! An administrator's connection, which observes the server from outside the tested code.

use std::net::SocketAddr;
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use tokio::sync::Mutex;

use crate::{Error, background};

/// A connection with all privileges. It is opened on first use, and again after it was lost.
///
/// It never appears in [`activity`](Admin::activity), and it bypasses any proxy. Clones share the
/// connection.
#[derive(Clone, Debug)]
pub struct Admin {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    opts: Opts,
    database: Option<String>,
    client: Mutex<Option<Conn>>,
}

/// What one connection of this database is doing, from `information_schema.processlist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The connection's number.
    pub id: u64,
    /// The connection's user.
    pub user: String,
    /// `Query`, `Execute`, `Sleep`, …
    pub command: String,
    /// The server's name for the current activity: `User sleep`, `Statistics`, …; empty if there is
    /// none.
    pub state: String,
    /// The running statement; empty if there is none.
    pub query: String,
    /// True if the connection has an open transaction that has done something. It then holds locks
    /// on the definitions of its tables. (`innodb_trx` is useless for that: it is never up to date
    /// while someone reads it repeatedly.)
    pub in_transaction: bool,
}

impl Activity {
    /// True if a statement is running.
    pub fn is_active(&self) -> bool {
        self.command != "Sleep"
    }

    /// True if the connection has an open transaction and runs nothing.
    pub fn is_idle_in_transaction(&self) -> bool {
        self.in_transaction && !self.is_active()
    }
}

impl Admin {
    pub(crate) fn new(address: SocketAddr, database: Option<&str>) -> Self {
        let opts = OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port())
            .user(Some("testbed"))
            .db_name(database)
            .prefer_socket(false);
        Self {
            inner: Arc::new(Inner {
                opts: opts.into(),
                database: database.map(str::to_owned),
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
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Returns a query's rows, each value as text, or the server's error.
    pub async fn try_rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let (inner, sql) = (Arc::clone(&self.inner), sql.to_owned());
        background::run(async move {
            let rows = inner.rows(&sql).await;
            rows.map_err(|error| Error::new(error.to_string()))
        })
        .await
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
            "SELECT id, user, command, coalesce(state, ''), coalesce(info, ''), \
             EXISTS (SELECT 1 FROM information_schema.metadata_lock_info WHERE thread_id = id) \
             FROM information_schema.processlist WHERE {} ORDER BY id",
            self.clients()
        );
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let activity = |row: Vec<Option<String>>| Activity {
            id: text(&row[0]).parse().expect("an id is a number"),
            user: text(&row[1]),
            command: text(&row[2]),
            state: text(&row[3]),
            query: text(&row[4]),
            in_transaction: text(&row[5]) == "1",
        };
        self.rows(&sql).await.into_iter().map(activity).collect()
    }

    /// The number of connections to this database, except the testbed's.
    pub async fn connections(&self) -> usize {
        self.activity().await.len()
    }

    /// Closes a connection, as `KILL` does. Returns `false` if no connection has this number.
    pub async fn terminate(&self, id: u64) -> bool {
        self.try_rows(&format!("KILL {id}")).await.is_ok()
    }

    /// Closes all connections to this database except the testbed's, and returns their number.
    pub async fn terminate_all(&self) -> usize {
        let mut ended = 0;
        for activity in self.activity().await {
            ended += usize::from(self.terminate(activity.id).await);
        }
        ended
    }

    /// Like `terminate_all`, for another database and without panics.
    pub(crate) async fn terminate_all_of(&self, database: &str) -> Result<(), Error> {
        let sql = format!("SELECT id FROM information_schema.processlist WHERE db = '{database}'");
        for row in self.try_rows(&sql).await? {
            let id = row.into_iter().next().flatten().unwrap_or_default();
            let _ = self.try_rows(&format!("KILL {id}")).await;
        }
        Ok(())
    }

    /// Closes the administrator's connection; the next call opens another one.
    pub async fn disconnect(&self) {
        let client = self.inner.client.lock().await.take();
        background::run(async move { drop(client) }).await;
    }

    /// The SQL condition for this database's clients, except the testbed's.
    fn clients(&self) -> String {
        let ours = "user NOT IN ('testbed', 'system user', 'event_scheduler')";
        match &self.inner.database {
            Some(database) => format!("db = '{database}' AND {ours}"),
            None => ours.to_owned(),
        }
    }
}

impl Inner {
    async fn rows(&self, sql: &str) -> mysql_async::Result<Vec<Vec<Option<String>>>> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_mut() {
            match client.query::<Row, _>(sql).await {
                // The server was restarted since the last call, which only this call notices.
                Err(error) if error.is_fatal() => *slot = None,
                answer => return answer.map(texts),
            }
        }
        let client = slot.insert(Conn::new(self.opts.clone()).await?);
        client.query::<Row, _>(sql).await.map(texts)
    }
}

fn texts(rows: Vec<Row>) -> Vec<Vec<Option<String>>> {
    let text = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    };
    let row = |row: Row| row.unwrap().into_iter().map(text).collect();
    rows.into_iter().map(row).collect()
}
