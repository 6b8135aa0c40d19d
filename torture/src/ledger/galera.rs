//! A bank on a Galera cluster. Each third of the callers writes on its own node, so that conflicts
//! appear at COMMIT. If that node is killed, they continue on the next one.

use std::sync::atomic::{AtomicI64, Ordering};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::Factory;
use testbed::galera::Cluster;
use testbed::mysql::Database;
use testbed::proxy::{Protocol, Proxy};

use super::bank::{Bank, Books, Happened, Transfer, cut_somewhere};
use super::mysql;
use crate::subject::{Done, MyDb};

pub(super) struct GaleraBank {
    /// One factory for each node, whose URL lists that node first.
    factories: Vec<Factory<MyDb>>,
    proxies: Vec<Proxy>,
    database: Database,
    cluster: Cluster,
    /// The conflicts that killed nodes had counted.
    conflicts: AtomicI64,
}

impl GaleraBank {
    pub(super) async fn open() -> Self {
        let cluster = Cluster::start().await;
        let database = cluster.database().await;
        mysql::found(&database.admin()).await;
        let proxies: Vec<_> = cluster
            .nodes()
            .iter()
            .map(|node| Proxy::with_protocol(node.address(), Protocol::Mysql))
            .collect();
        let mut addresses: Vec<_> = proxies.iter().map(Proxy::address).collect();
        let factories = (0..addresses.len()).map(|_| {
            let factory = mysql::factory(&database.url_of(&addresses));
            addresses.rotate_left(1);
            factory
        });
        Self {
            factories: factories.collect(),
            proxies,
            database,
            cluster,
            conflicts: AtomicI64::new(0),
        }
    }
}

impl Bank for GaleraBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        let factory = usize::try_from(order.id).unwrap_or_default() % self.factories.len();
        Box::pin(self.factories[factory].scope(mysql::transfer(order)))
    }

    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>> {
        let factory = usize::try_from(id).unwrap_or_default() % self.factories.len();
        // The factory may use another node by now. The setting `wsrep_sync_wait` makes that node
        // apply the transfer first.
        Box::pin(self.factories[factory].scope(mysql::sees(id)))
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, Happened> {
        Box::pin(async move {
            let node = number as usize % self.cluster.nodes().len();
            let conflicts = self.cluster.conflicts(node).await;
            self.conflicts.fetch_add(conflicts, Ordering::SeqCst);
            self.cluster.kill(node).await;
            self.cluster.rejoin(node).await;
            Happened::Restarted
        })
    }

    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let proxy = &self.proxies[random.usize(0..self.proxies.len())];
            cut_somewhere(proxy, random).await;
            true
        })
    }

    fn calm(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            for proxy in &self.proxies {
                proxy.resume().await;
            }
        })
    }

    fn is_quiet(&self) -> bool {
        self.factories.iter().all(|factory| {
            let status = factory.status();
            status.in_use == 0 && status.recovering == 0
        })
    }

    fn books(&self) -> BoxFuture<'_, Books> {
        Box::pin(async move {
            let mut all = Vec::new();
            for node in self.cluster.nodes() {
                let admin = self.database.admin_at(node.address());
                // Makes reads wait until the node has applied every earlier commit.
                admin.execute("SET SESSION wsrep_sync_wait = 7").await;
                all.push(mysql::books(&admin).await);
            }
            let first = all.swap_remove(0);
            Books {
                // All nodes must have the same rows as the first one.
                differing: all.iter().filter(|books| **books != first).count(),
                ..first
            }
        })
    }

    fn conflicts(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(async move {
            let mut sum = self.conflicts.load(Ordering::SeqCst);
            for node in 0..self.cluster.nodes().len() {
                sum += self.cluster.conflicts(node).await;
            }
            Some(sum)
        })
    }
}
