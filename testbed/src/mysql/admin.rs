//! An administrator's connection: looks at the server from outside of what is tested.

use std::net::SocketAddr;
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value};
use tokio::sync::Mutex;

use crate::{Error, background};

/// A connection that may do everything, made when first used and again after it was lost.
///
/// It never appears in [`activity`](Admin::activity), and it goes straight to the server, past any
/// proxy. Clones share the connection.
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
    /// The user it is logged in as.
    pub user: String,
    /// `Query`, `Execute`, `Sleep`, …
    pub command: String,
    /// What it is doing: `User sleep`, `Statistics`, …; empty when nothing.
    pub state: String,
    /// The statement that is running; empty when none is.
    pub query: String,
    /// Whether it has a transaction open in which something was done: then it holds locks on the definitions of
    /// its tables. (`innodb_trx` does not tell: it is never fresh while somebody reads it again and again.)
    pub in_transaction: bool,
}

impl Activity {
    /// Whether a statement is running.
    pub fn is_active(&self) -> bool {
        self.command != "Sleep"
    }

    /// Whether it has a transaction open and runs nothing.
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
    /// When one fails.
    pub async fn execute(&self, sql: &str) {
        self.rows(sql).await;
    }

    /// The rows of a query, each value as text.
    ///
    /// # Panics
    /// When it fails.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_rows(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The rows of a query, each value as text, or the server's error.
    pub async fn try_rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let (inner, sql) = (Arc::clone(&self.inner), sql.to_owned());
        background::run(async move {
            let rows = inner.rows(&sql).await;
            rows.map_err(|error| Error::new(error.to_string()))
        })
        .await
    }

    /// The one text that a query answers.
    pub async fn text(&self, sql: &str) -> String {
        let value = self
            .rows(sql)
            .await
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?);
        value.unwrap_or_else(|| panic!("{sql}: no value"))
    }

    /// The one number that a query answers.
    pub async fn integer(&self, sql: &str) -> i64 {
        let text = self.text(sql).await;
        text.parse()
            .unwrap_or_else(|_| panic!("{sql}: {text} is no whole number"))
    }

    /// Every client's connection to this database, ours excepted.
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

    /// How many connections this database has, ours excepted.
    pub async fn connections(&self) -> usize {
        self.activity().await.len()
    }

    /// Ends a connection, as `KILL` does; `false` if there is none of that number.
    pub async fn terminate(&self, id: u64) -> bool {
        self.try_rows(&format!("KILL {id}")).await.is_ok()
    }

    /// Ends all connections to this database, ours excepted, and says how many there were.
    pub async fn terminate_all(&self) -> usize {
        let mut ended = 0;
        for activity in self.activity().await {
            ended += usize::from(self.terminate(activity.id).await);
        }
        ended
    }

    /// The same for another database, without panics.
    pub(crate) async fn terminate_all_of(&self, database: &str) -> Result<(), Error> {
        let sql = format!("SELECT id FROM information_schema.processlist WHERE db = '{database}'");
        for row in self.try_rows(&sql).await? {
            let id = row.into_iter().next().flatten().unwrap_or_default();
            let _ = self.try_rows(&format!("KILL {id}")).await;
        }
        Ok(())
    }

    /// Closes the connection; the next call makes another.
    pub async fn disconnect(&self) {
        let client = self.inner.client.lock().await.take();
        background::run(async move { drop(client) }).await;
    }

    /// The clients of the database asked, ours excepted.
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
                // The server was restarted since the last call, and we hear of it only now.
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
