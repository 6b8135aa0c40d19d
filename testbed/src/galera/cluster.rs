//! The cluster: forms it, kills a node, brings a node back.

use std::time::{Duration, Instant};

use crate::mysql::{Database, Server};
use crate::{Error, background};

use super::packages;
use super::settings::{self, Ports};

const NODES: usize = 3;
/// How long a node may take to catch up. Ample, so that a slow machine fails no test.
const LIMIT: Duration = Duration::from_secs(120);

/// Three nodes. Dropping it stops them and removes their folders.
#[derive(Clone, Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Forms a cluster.
    ///
    /// # Panics
    /// If its programs cannot be found or installed, or the cluster does not form. The text says
    /// why.
    pub async fn start() -> Self {
        Self::try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Forms a cluster, or says why that is not possible.
    pub async fn try_start() -> Result<Self, Error> {
        let provider = background::run_blocking(packages::find_or_install).await?;
        let ports: [Ports; NODES] = std::array::from_fn(|_| Ports::free());
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let node = settings::node(&provider, &ports, number).prepare().await?;
            // One after another: each node copies its data from the earlier ones.
            node.try_start_with(if number == 0 {
                &["--wsrep-new-cluster"]
            } else {
                &[]
            })
            .await?;
            synced(&node).await?;
            nodes.push(node);
        }
        Ok(Self { nodes })
    }

    /// The cluster's nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// Creates a fresh, empty database on the first node.
    pub async fn database(&self) -> Database {
        self.nodes[0].database().await
    }

    /// The URL of a database with all nodes, from node `first` on.
    pub fn url(&self, database: &Database, first: usize) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(Server::address).collect();
        database.url_of(&rotated(&addresses, first))
    }

    /// Kills a node with SIGKILL, like a crash of its machine.
    pub async fn kill(&self, node: usize) {
        self.nodes[node].kill().await;
    }

    /// Starts a killed node and waits until it has caught up.
    ///
    /// # Panics
    /// If the node does not come back.
    pub async fn rejoin(&self, node: usize) {
        self.nodes[node].start_again().await;
        let back = synced(&self.nodes[node]).await;
        back.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The number of transactions that a node rolled back in favour of another node's, since its
    /// start.
    pub async fn conflicts(&self, node: usize) -> i64 {
        let admin = self.nodes[node].admin();
        let mut sum = 0;
        for counter in ["wsrep_local_cert_failures", "wsrep_local_bf_aborts"] {
            let sql = format!(
                "SELECT variable_value FROM information_schema.global_status \
                 WHERE variable_name = '{counter}'"
            );
            sum += admin.integer(&sql).await;
        }
        sum
    }
}

/// The addresses from `first` on, followed by the ones before it.
fn rotated<T: Copy>(addresses: &[T], first: usize) -> Vec<T> {
    let mut addresses = addresses.to_vec();
    addresses.rotate_left(first % NODES);
    addresses
}

async fn synced(node: &Server) -> Result<(), Error> {
    let sql = "SELECT variable_value FROM information_schema.global_status \
               WHERE variable_name = 'wsrep_local_state_comment'";
    let admin = node.admin();
    let start = Instant::now();
    loop {
        let state = admin.try_rows(sql).await;
        let state = match state {
            Ok(rows) => rows.into_iter().flatten().flatten().next(),
            Err(error) => Some(error.to_string()),
        };
        let state = state.unwrap_or_default();
        if state == "Synced" {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            return Err(Error::new(format!(
                "a Galera node is not synced with its cluster but `{state}`; its log ends:\n{}",
                crate::process::tail(&node.log())
            )));
        }
        background::sleep(Duration::from_millis(20)).await;
    }
}
