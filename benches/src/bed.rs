//! A server, a database, and the network between the server and its clients.

use std::time::Duration;

use anyhow::Result;
use testbed::Proxy;
use testbed::postgres::{Database, Server};

use crate::wan::Wan;

/// The number of rows that units change.
pub(crate) const ROWS: u32 = 20_000;

pub(crate) struct Bed {
    // Declared first, so that the database is dropped before its server.
    pub(crate) database: Database,
    pub(crate) proxy: Proxy,
    wan: Option<Wan>,
    _server: Server,
}

impl Bed {
    /// Adds a delay in each direction between the proxy, which counts, and the server. A delay of
    /// zero adds no line.
    pub(crate) async fn new(delay: Duration) -> Result<Self> {
        let server = Server::builder()
            .max_connections(500)
            .config("max_connections", "600")
            // Autovacuum would add a backend, and load, at random times.
            .config("autovacuum", "off")
            .start()
            .await;
        let database = server.database().await;
        database
            .execute(&format!(
                "CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50); \
                 INSERT INTO counters SELECT id, 0 FROM generate_series(1, {ROWS}) AS id"
            ))
            .await;
        database.admin().execute("VACUUM ANALYZE counters").await;
        let server_at = database.endpoint().address();
        let wan = if delay.is_zero() {
            None
        } else {
            Some(Wan::start(server_at, delay)?)
        };
        let proxy = Proxy::start(wan.as_ref().map_or(server_at, Wan::address));
        Ok(Self {
            database,
            proxy,
            wan,
            _server: server,
        })
    }

    /// The URL through the proxy, which counts, and over the line if there is one.
    pub(crate) fn counted(&self) -> String {
        self.database.url_via(&self.proxy)
    }

    /// The URL over the line only, if there is one.
    pub(crate) fn delayed(&self) -> String {
        self.wan
            .as_ref()
            .map_or_else(|| self.direct(), |wan| self.database.url_at(wan.address()))
    }

    /// The server's own URL.
    pub(crate) fn direct(&self) -> String {
        self.database.url()
    }

    /// Waits until the server has finished all work.
    pub(crate) async fn quiet(&self) {
        testbed::eventually(Duration::from_secs(120), "the server is quiet", || async {
            let busy = self
                .database
                .integer(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND usename = 'app' AND state <> 'idle'",
                )
                .await;
            busy == 0
        })
        .await;
    }
}
