//! A server, a database, and what is between it and its clients.

use std::time::Duration;

use anyhow::Result;
use testbed::Proxy;
use testbed::postgres::{Database, Server};

use crate::wan::Wan;

/// Rows that units change.
pub(crate) const ROWS: u32 = 20_000;

pub(crate) struct Bed {
    // The database is dropped before its server.
    pub(crate) database: Database,
    pub(crate) proxy: Proxy,
    wan: Wan,
    _server: Server,
}

impl Bed {
    /// With a delay each way between the proxy, which counts, and the server.
    pub(crate) async fn new(delay: Duration) -> Result<Self> {
        let server = Server::builder()
            .max_connections(2_500)
            .config("max_connections", "2600")
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
        let wan = Wan::start(database.endpoint().address(), delay)?;
        let proxy = Proxy::start(wan.address());
        Ok(Self {
            database,
            proxy,
            wan,
            _server: server,
        })
    }

    /// Through the proxy, which counts, and over the line.
    pub(crate) fn counted(&self) -> String {
        self.database.url_via(&self.proxy)
    }

    /// Over the line alone.
    pub(crate) fn delayed(&self) -> String {
        self.database.url_at(self.wan.address())
    }

    /// Straight to the server.
    pub(crate) fn direct(&self) -> String {
        self.database.url()
    }

    /// Waits until the server has nothing left to do for anybody.
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
