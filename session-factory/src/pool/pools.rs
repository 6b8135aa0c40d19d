//! State shared by one factory's handles: its pool and the replica's pool.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::core::Core;
use super::credential_provider::CredentialProvider;
use super::replica::Replica;
use super::replica::commit_marks::CommitMarks;
use super::shutdown::ShutdownReport;
use super::status::Status;
use crate::config::Settings;
use crate::driver::Driver;
use crate::error::ConnectError;
use crate::observe::{self, Monitor, PoolKind};

/// A factory's pools.
pub(crate) struct Pools<D: Driver> {
    pub(crate) primary: Arc<Core<D>>,
    /// The replica, for read-only sessions.
    pub(crate) replica: Option<Arc<Replica<D>>>,
}

/// The names of keys in errors and reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) url: &'static str,
    pub(crate) replica_url: &'static str,
}

impl<D: Driver> Clone for Pools<D> {
    fn clone(&self) -> Self {
        Self {
            primary: Arc::clone(&self.primary),
            replica: self.replica.clone(),
        }
    }
}

impl<D: Driver> Pools<D> {
    /// Makes the factory's own pools.
    pub(crate) fn own(
        name: &'static str,
        keys: Keys,
        settings: Settings,
        provider: Option<CredentialProvider>,
    ) -> Self {
        let monitor = Monitor::new(name, Some(&settings));
        let replica = match settings.refusal() {
            Some(_refused) => None,
            None => replica(name, keys, &settings, provider.clone(), &monitor),
        };
        let (marks, replica) = replica.unzip();
        let kind = PoolKind::Primary;
        Self {
            primary: Core::own(name, keys.url, settings, provider, marks, monitor, kind),
            replica,
        }
    }

    /// Wraps an external pool.
    pub(crate) fn external(
        name: &'static str,
        url_key: &'static str,
        pool: D::ExternalPool,
    ) -> Self {
        let primary = Core::external(name, url_key, pool);
        #[cfg(feature = "metrics")]
        super::figures::watch(&primary);
        Self {
            primary,
            replica: None,
        }
    }

    /// Makes pools whose sessions all fail with `error`.
    pub(crate) fn broken(name: &'static str, url_key: &'static str, error: ConnectError) -> Self {
        Self {
            primary: Core::broken(name, url_key, error),
            replica: None,
        }
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            replica: self.replica.as_ref().map(|replica| replica.status()),
            ..self.primary.status()
        }
    }

    pub(crate) async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        let Some(replica) = &self.replica else {
            return self.primary.shutdown(limit).await;
        };
        // Concurrently, so that each pool has the whole limit.
        let of_replica = Box::pin(replica.core.shutdown(limit));
        let (own, of_replica) = join(self.primary.shutdown(limit), of_replica).await;
        ShutdownReport {
            rolled_back: own.rolled_back + of_replica.rolled_back,
            remaining: own.remaining + of_replica.remaining,
        }
    }
}

/// Makes a second pool with the same settings, if the settings name a replica.
#[allow(clippy::type_complexity)]
fn replica<D: Driver>(
    name: &'static str,
    keys: Keys,
    settings: &Settings,
    provider: Option<CredentialProvider>,
    monitor: &Arc<Monitor>,
) -> Option<(Arc<CommitMarks>, Arc<Replica<D>>)> {
    let url = settings.replica_url.clone()?;
    if !D::HAS_REPLICAS {
        observe::report(&format!(
            "{name}: {} has no replicas, so {} is not used",
            D::NAME,
            keys.replica_url
        ));
        return None;
    }
    let settings = Settings {
        url,
        replica_url: None,
        ..settings.clone()
    };
    let marks = Arc::new(CommitMarks::default());
    let (monitor, kind) = (Arc::clone(monitor), PoolKind::Replica);
    let core = Core::own(
        name,
        keys.replica_url,
        settings,
        provider,
        None,
        monitor,
        kind,
    );
    Some((Arc::clone(&marks), Arc::new(Replica::new(core, marks))))
}
