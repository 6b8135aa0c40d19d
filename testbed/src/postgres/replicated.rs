//! A primary and two streaming standbys, one of them synchronous.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, background};

use super::{Builder, Database, Server};

/// Each node's name in `pg_stat_replication`, which it keeps for life.
const NAMES: [&str; 3] = ["node_a", "node_b", "node_c"];

/// How long a standby may take to follow its new primary. After that, it gets a fresh copy.
const FOLLOW: Duration = Duration::from_secs(10);

/// A primary and two streaming standbys. Commits on the primary wait for the synchronous standby;
/// the other standby may lag behind.
///
/// ```
/// # testbed::block_on(async {
/// let set = testbed::postgres::Replicated::start().await;
/// let database = set.database().await;
/// set.primary().kill().await;
/// set.promote().await;                        // the synchronous standby is the primary now
/// # });
/// ```
///
/// Dropping it stops all three.
#[derive(Debug)]
pub struct Replicated {
    nodes: [Server; 3],
    roles: Mutex<Roles>,
}

/// The nodes' numbers by role.
#[derive(Clone, Debug)]
struct Roles {
    primary: usize,
    /// The standbys that follow the primary; the first one is synchronous.
    standbys: Vec<usize>,
}

impl Replicated {
    /// Starts the three servers with the default settings.
    ///
    /// # Panics
    /// If PostgreSQL cannot be found, installed or started. The text says why.
    pub async fn start() -> Self {
        Self::with(Server::builder()).await
    }

    /// Starts the three servers with these settings.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn with(builder: Builder) -> Self {
        Self::try_start(builder)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the three servers, or says why that is not possible.
    ///
    /// # Errors
    /// A text that says what to install, or a server's own message.
    pub async fn try_start(builder: Builder) -> Result<Self, Error> {
        background::run(async move {
            let builder = builder.config("wal_retrieve_retry_interval", "100ms");
            let primary = builder.try_start().await?;
            let one = Server::standby_of(&primary, NAMES[1]).await?;
            let other = Server::standby_of(&primary, NAMES[2]).await?;
            let set = Self {
                nodes: [primary, one, other],
                roles: Mutex::new(Roles {
                    primary: 0,
                    standbys: vec![1, 2],
                }),
            };
            // Only now: the standbys would have copied the setting, and would block when they are
            // promoted.
            set.set_synchronous().await;
            Ok(set)
        })
        .await
    }

    fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All three servers, in any role.
    pub fn nodes(&self) -> &[Server; 3] {
        &self.nodes
    }

    /// The server that accepts writes, or the last one that did.
    pub fn primary(&self) -> Server {
        self.nodes[self.roles().primary].clone()
    }

    /// The standbys that follow the primary, the synchronous one first.
    pub fn standbys(&self) -> Vec<Server> {
        let standbys = self.roles().standbys.clone();
        standbys
            .into_iter()
            .map(|node| self.nodes[node].clone())
            .collect()
    }

    /// The standby that commits wait for.
    ///
    /// # Panics
    /// If there is no standby.
    pub fn synchronous(&self) -> Server {
        self.standbys().swap_remove(0)
    }

    /// The standby that no commit waits for.
    ///
    /// # Panics
    /// If there is none.
    pub fn asynchronous(&self) -> Server {
        self.standbys().swap_remove(1)
    }

    /// `HOST:PORT,HOST:PORT,HOST:PORT`, for a URL with all three servers.
    pub fn hosts(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.address().to_string())
            .collect();
        hosts.join(",")
    }

    /// A fresh, empty database, which the standbys have as well.
    pub async fn database(&self) -> Database {
        let database = self.primary().database().await;
        self.caught_up().await;
        database
    }

    /// Waits until the standbys have replayed all earlier writes.
    pub async fn caught_up(&self) {
        let primary = self.primary();
        for standby in self.standbys() {
            standby.caught_up_with(&primary).await;
        }
    }

    /// Makes the synchronous standby the primary, and the other one its synchronous standby.
    ///
    /// The old primary keeps running: stop or kill it first, unless the test needs two primaries.
    /// [`rejoin`](Self::rejoin) takes it back.
    ///
    /// # Panics
    /// If there is no standby.
    pub async fn promote(&self) {
        let (new, others) = {
            let mut roles = self.roles();
            let new = roles.standbys.remove(0);
            roles.primary = new;
            (new, roles.standbys.clone())
        };
        let primary = &self.nodes[new];
        // A copied setting would make it wait for standbys that it does not have.
        primary.alter("synchronous_standby_names", "").await;
        primary.promote().await;
        for node in others {
            self.nodes[node].follow(primary, NAMES[node]).await;
            if !self.follows(node).await {
                // This standby had received more than its new primary.
                self.copy(node).await;
            }
        }
        self.set_synchronous().await;
    }

    /// Takes a lost server back as a standby, with a fresh copy of the primary's data.
    pub async fn rejoin(&self, server: &Server) {
        let node = self
            .nodes
            .iter()
            .position(|node| node.is(server))
            .expect("a server of this set");
        self.copy(node).await;
        let fresh = {
            let mut roles = self.roles();
            let fresh = !roles.standbys.contains(&node);
            if fresh {
                roles.standbys.push(node);
            }
            fresh
        };
        if fresh {
            self.set_synchronous().await;
        }
    }

    /// Stops commits from waiting for any standby, until the next [`promote`](Self::promote) or
    /// [`rejoin`](Self::rejoin). Without this call, they would wait for a lost synchronous standby.
    pub async fn wait_for_nobody(&self) {
        self.primary().alter("synchronous_standby_names", "").await;
    }

    async fn copy(&self, node: usize) {
        let primary = self.primary();
        self.nodes[node]
            .copy_from(&primary, NAMES[node])
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    async fn set_synchronous(&self) {
        let first = self.roles().standbys.first().copied();
        let value = first.map_or_else(String::new, |node| format!("FIRST 1 ({})", NAMES[node]));
        let primary = self.primary();
        primary.alter("synchronous_standby_names", &value).await;
    }

    /// True if a standby replays its new primary's writes. A standby that had received more than
    /// the new primary streams as well, but stays on the old timeline.
    async fn follows(&self, node: usize) -> bool {
        let admin = self.primary().admin();
        let written = admin
            .text("SELECT pg_logical_emit_message(false, 'testbed', 'promoted')")
            .await;
        let timeline = admin
            .text("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
            .await;
        let sql = format!(
            "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming' \
             AND lpad(upper(to_hex(received_tli)), 8, '0') = '{timeline}' \
             AND pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
        );
        let standby = self.nodes[node].admin();
        let start = Instant::now();
        while start.elapsed() < FOLLOW {
            if standby.integer(&sql).await > 0 {
                return true;
            }
            background::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}
