//! A bank on a primary with two standbys, each behind its own proxy. Read-only calls use a standby.
//! When the primary dies, the synchronous standby takes over, and the dead server comes back as a
//! standby.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::Factory;
use testbed::postgres::{Database, Replicated};
use testbed::proxy::Proxy;
use tokio::time::sleep;

use super::bank::{Bank, Books, Happened, Transfer, cut_somewhere, schema};
use super::postgres::{books, factory, sees, server, transfer};
use crate::subject::{Done, PgDb};

/// How long after a promotion the primary's connections may be cut. It is shorter than the time for
/// which an unknown COMMIT sends reads to the primary.
const DOUBT: Duration = Duration::from_secs(5);
/// How long a standby is down.
const GONE: Duration = Duration::from_secs(2);

pub(super) struct ReplicatedBank {
    factory: Factory<PgDb>,
    proxies: Vec<Proxy>,
    promoted: Mutex<Option<Instant>>,
    database: Database,
    set: Replicated,
}

impl ReplicatedBank {
    pub(super) async fn open() -> Self {
        let set = Replicated::with(server()).await;
        let database = set.database().await;
        database.execute(&schema()).await;
        set.caught_up().await;
        let nodes = set.nodes().iter();
        let proxies: Vec<_> = nodes.map(|node| Proxy::start(node.address())).collect();
        let hosts: Vec<_> = proxies
            .iter()
            .map(|proxy| proxy.address().to_string())
            .collect();
        let url = |wanted: &str| {
            let (hosts, name) = (hosts.join(","), database.name());
            format!("postgres://app@{hosts}/{name}?target_session_attrs={wanted}")
        };
        Self {
            factory: factory(&url("read-write"), Some(&url("standby"))),
            proxies,
            promoted: Mutex::default(),
            database,
            set,
        }
    }
}

impl ReplicatedBank {
    fn promoted(&self) -> MutexGuard<'_, Option<Instant>> {
        self.promoted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True shortly after a promotion. While a COMMIT's outcome is unknown, reads use the primary.
    /// So the primary's connections are cut only shortly after a promotion, when outcomes are
    /// unknown anyway; otherwise, no read would use a standby.
    fn is_in_doubt(&self) -> bool {
        self.promoted().is_some_and(|at| at.elapsed() < DOUBT)
    }
}

impl Bank for ReplicatedBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        Box::pin(self.factory.scope(transfer(order)))
    }

    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>> {
        Box::pin(self.factory.scope(sees(id)))
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, Happened> {
        Box::pin(async move {
            if number.is_multiple_of(2) {
                let lost = self.set.asynchronous();
                lost.kill().await;
                sleep(GONE).await;
                lost.start_again().await;
                return Happened::StandbyLost;
            }
            let old = self.set.primary();
            *self.promoted() = Some(Instant::now());
            old.kill().await;
            self.set.promote().await;
            self.set.rejoin(&old).await;
            Happened::Promoted
        })
    }

    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let node = random.usize(0..self.proxies.len());
            if self.set.nodes()[node].is(&self.set.primary()) && !self.is_in_doubt() {
                return false;
            }
            cut_somewhere(&self.proxies[node], random).await;
            true
        })
    }

    fn calm(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for proxy in &self.proxies {
                proxy.resume().await;
            }
        })
    }

    fn is_quiet(&self) -> bool {
        let status = self.factory.status();
        let reads = status.replica.map_or(0, |replica| replica.in_use);
        status.in_use == 0 && status.recovering == 0 && reads == 0
    }

    fn replica_reads(&self) -> (u64, u64) {
        let replica = self.factory.status().replica;
        replica.map_or((0, 0), |replica| (replica.reads, replica.fallbacks))
    }

    fn books(&self) -> BoxFuture<'_, Books> {
        Box::pin(async move {
            let primary = self.set.primary().endpoint();
            books(&primary.admin_of(self.database.name())).await
        })
    }
}
