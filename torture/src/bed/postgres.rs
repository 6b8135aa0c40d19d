//! A database on the private PostgreSQL server, and an auditor that bypasses the proxy.

use std::time::Duration;

use testbed::pgbouncer::{PgBouncer, PoolMode};
use testbed::postgres::Database;
use testbed::proxy::Proxy;
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::scene::{Found, Scene};
use crate::gate::Gate;
use crate::subject::LIMIT;

/// The run's server.
pub(crate) type Server = testbed::postgres::Server;

/// A database of one lane.
pub(crate) struct PgBed {
    database: Database,
    /// The proxy or the gate between the subject and the server.
    between: Between,
    pooler: Option<PgBouncer>,
    auditor: Client,
    /// The audit's SQL, to which the case's number is appended.
    look: String,
}

/// The program between the subject and the server.
enum Between {
    /// Counts, cuts and stalls at a byte.
    Proxy(Proxy),
    /// Stops at a packet.
    Gate(Gate),
}

const SCHEMA: &str = "
    CREATE TABLE torture_rows (case_id bigint NOT NULL, unit int NOT NULL, item int NOT NULL, \
                               payload text NOT NULL);
    CREATE INDEX ON torture_rows (case_id);
    CREATE TABLE torture_taken (id int PRIMARY KEY);
    INSERT INTO torture_taken VALUES (1)";

/// Makes INSERT and COMMIT wait while the advisory lock 1 is held.
const BRAKE: &str = "
    CREATE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS \
        'BEGIN PERFORM pg_advisory_lock_shared(1); PERFORM pg_advisory_unlock_shared(1); \
         RETURN NULL; END';
    CREATE TRIGGER brake_insert BEFORE INSERT ON torture_rows \
        FOR EACH STATEMENT EXECUTE FUNCTION brake();
    CREATE CONSTRAINT TRIGGER brake_commit AFTER INSERT ON torture_rows \
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION brake()";

/// The SQL condition for the subject's connections: all except the auditor's and the testbed's.
const SUBJECT: &str = "datname = current_database() AND backend_type = 'client backend' \
                       AND application_name NOT IN ('testbed', 'auditor')";

impl PgBed {
    /// A database behind a proxy.
    pub(crate) async fn proxied(server: &Server) -> Self {
        let between = Between::Proxy(Proxy::start(server.address()));
        Self::new(server, between, None, SCHEMA.to_owned()).await
    }

    /// A database behind a pooler that keeps as many connections as the subject may have.
    pub(crate) async fn pooled(server: &Server) -> Self {
        let pooler =
            PgBouncer::with_pool_size(server.address(), PoolMode::Transaction, LIMIT).await;
        let between = Between::Proxy(Proxy::start(pooler.address()));
        Self::new(server, between, Some(pooler), SCHEMA.to_owned()).await
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.pooler.is_some()
    }

    /// A database behind a gate, with a brake on INSERT and COMMIT.
    pub(crate) async fn gated(server: &Server) -> Self {
        let between = Between::Gate(Gate::start(server.address()).await);
        Self::new(server, between, None, format!("{SCHEMA}; {BRAKE}")).await
    }

    async fn new(
        server: &Server,
        between: Between,
        pooler: Option<PgBouncer>,
        schema: String,
    ) -> Self {
        let database = server.database().await;
        database.execute(&schema).await;
        let auditor = Self::connect(server, &database).await;
        let look = format!(
            "SELECT count(*), \
             string_agg(left(query, 60), ' / ') FILTER (WHERE state = 'active'), \
             count(*) FILTER (WHERE xact_start IS NOT NULL), \
             (SELECT count(*) FROM pg_locks l WHERE l.pid = ANY(array_agg(a.pid)) \
              AND locktype <> 'virtualxid') \
             FROM pg_stat_activity a WHERE {SUBJECT}; \
             SELECT unit, item, count(*) FROM torture_rows WHERE case_id = "
        );
        Self {
            database,
            between,
            pooler,
            auditor,
            look,
        }
    }

    async fn connect(server: &Server, database: &Database) -> Client {
        let address = server.address();
        let mut config = tokio_postgres::Config::new();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .user("testbed")
            .dbname(database.name())
            .application_name("auditor");
        let (client, connection) = config
            .connect(NoTls)
            .await
            .expect("the auditor can connect");
        tokio::spawn(connection);
        client
    }

    /// The subject's URL.
    pub(crate) fn url(&self) -> String {
        match &self.between {
            Between::Proxy(proxy) => self.database.url_via(proxy),
            Between::Gate(gate) => self.database.url_at(gate.address()),
        }
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        match &self.between {
            Between::Proxy(proxy) => proxy,
            Between::Gate(_) => panic!("this bed has a gate"),
        }
    }

    pub(crate) fn gate(&self) -> &Gate {
        match &self.between {
            Between::Gate(gate) => gate,
            Between::Proxy(_) => panic!("this bed has a proxy"),
        }
    }

    /// Reads the activity and then the rows, in one round trip. So the rows include the commits of
    /// every idle connection.
    pub(super) async fn scene(&self, case: i64) -> Scene {
        let rows = self
            .rows(&format!("{}{case} GROUP BY 1, 2 ORDER BY 1, 2", self.look))
            .await;
        let mut scene = Scene::default();
        for row in rows {
            if row.len() == 4 {
                scene.connections = number(row[0].as_ref());
                scene.running = row[1].iter().cloned().collect();
                scene.in_transaction = number(row[2].as_ref());
                scene.locks = number(row[3].as_ref());
            } else {
                scene.rows.push(Found {
                    unit: number(row[0].as_ref()),
                    item: number(row[1].as_ref()),
                    count: number(row[2].as_ref()),
                });
            }
        }
        scene
    }

    /// Runs SQL on the auditor's connection.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.auditor.simple_query(sql).await;
        let messages = messages.unwrap_or_else(|error| panic!("the auditor: {sql}: {error}"));
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|column| row.get(column).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        };
        messages.into_iter().filter_map(row).collect()
    }

    /// Ends all of the subject's connections, and waits until they are gone.
    pub(crate) async fn terminate_all(&self) {
        // The function's own timeout would check only every 100 ms.
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {SUBJECT}");
        for _ in 0..5000 {
            if self.rows(&sql).await.is_empty() {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until one of the subject's connections waits for a lock, or none runs a statement.
    pub(crate) async fn until_blocked(&self) {
        let sql =
            format!("SELECT 1 FROM pg_stat_activity WHERE {SUBJECT} AND wait_event_type = 'Lock'");
        for _ in 0..10 {
            if !self.rows(&sql).await.is_empty() {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

fn number<T: std::str::FromStr + Default>(value: Option<&String>) -> T {
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}
