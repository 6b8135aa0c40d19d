//! A database on the private MariaDB server, and an auditor that bypasses the proxy.

use std::time::Duration;

use testbed::mysql::{Admin, Database};
use testbed::proxy::{Protocol, Proxy};
use tokio::time::sleep;

use super::scene::{Found, Scene};
use crate::gate::Gate;

/// The run's server.
pub(crate) type Server = testbed::mysql::Server;

/// A database of one lane.
pub(crate) struct MyBed {
    database: Database,
    /// The proxy or the gate between the subject and the server.
    between: Between,
    auditor: Admin,
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
                               payload longtext NOT NULL, KEY (case_id));
    CREATE TABLE torture_taken (id int PRIMARY KEY);
    INSERT INTO torture_taken VALUES (1)";

impl MyBed {
    /// A database behind a proxy.
    pub(crate) async fn proxied(server: &Server) -> Self {
        let proxy = Proxy::with_protocol(server.address(), Protocol::Mysql);
        Self::new(server, Between::Proxy(proxy)).await
    }

    /// A database behind a gate.
    pub(crate) async fn gated(server: &Server) -> Self {
        Self::new(server, Between::Gate(Gate::start(server.address()).await)).await
    }

    async fn new(server: &Server, between: Between) -> Self {
        let database = server.database().await;
        for statement in SCHEMA.split(';') {
            database.execute(statement).await;
        }
        Self {
            auditor: database.admin(),
            database,
            between,
        }
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

    /// Reads the rows after the activity, so that they include the commits of every idle
    /// connection.
    pub(super) async fn scene(&self, case: i64) -> Scene {
        let mut scene = Scene::default();
        for one in self.auditor.activity().await {
            scene.connections += 1;
            if one.is_active() {
                scene.running.push(one.query);
            }
            scene.in_transaction += u32::from(one.in_transaction);
            // A transaction with row locks also locks its tables' definitions.
            scene.locks += u32::from(one.in_transaction);
        }
        let sql = format!(
            "SELECT unit, item, count(*) FROM torture_rows WHERE case_id = {case} \
             GROUP BY 1, 2 ORDER BY 1, 2"
        );
        for row in self.auditor.rows(&sql).await {
            scene.rows.push(Found {
                unit: number(row[0].as_ref()),
                item: number(row[1].as_ref()),
                count: number(row[2].as_ref()),
            });
        }
        scene
    }

    /// Ends all of the subject's connections, and waits until they are gone.
    pub(crate) async fn terminate_all(&self) {
        for _ in 0..5000 {
            if self.auditor.terminate_all().await == 0 {
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
