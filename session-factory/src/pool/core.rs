//! What all handles of one factory share.

use std::sync::{Arc, Mutex, PoisonError};

use bb8::{Pool, QueueStrategy};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect_health::{Failures, Health};
use super::connector::Connector;
use super::credential_provider::CredentialProvider;
use super::open_permits::OpenPermits;
use super::permits::Permits;
use super::reaper;
use super::registry::Registry;
use super::replica::Replica;
use super::replica::commit_marks::Marks;
use super::status::Status;
use crate::call::Origin;
use crate::config::Settings;
use crate::driver::Driver;
use crate::error::{ConnectError, ConnectErrorKind, SessionError};
use crate::observe::{self, Echo};

/// bb8 must not end a wait by itself: it could not say why. The factory's own clock does.
const FAR_AWAY: std::time::Duration = std::time::Duration::from_secs(60 * 60 * 24 * 365);

/// The shared part of a factory.
pub(crate) struct Core<D: Driver> {
    pub(super) name: &'static str,
    pub(super) url_key: &'static str,
    pub(super) settings: Option<Arc<Settings>>,
    pub(super) registry: Arc<Registry>,
    pub(super) health: Arc<Health>,
    /// No more sessions, except for the calls that `shutdown` waits for.
    pub(super) closed: CancellationToken,
    /// No more sessions at all.
    pub(super) ended: CancellationToken,
    /// Calls that run whether or not their callers wait.
    pub(crate) detached: TaskTracker,
    /// Up to where this factory has committed: kept where a replica has to know.
    pub(crate) marks: Option<Arc<Marks>>,
    /// For what only reads.
    pub(crate) replica: Option<Arc<Replica<D>>>,
    /// Of the own pool.
    pub(super) permits: Permits,
    source: Mutex<Source<D>>,
}

/// The keys that errors and reports name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) url: &'static str,
    pub(crate) replica_url: &'static str,
}

/// Where connections come from.
pub(crate) enum Source<D: Driver> {
    Own(Pool<Connector<D>>),
    Foreign(D::ForeignPool),
    /// Nowhere: the factory was put together in a way that cannot work.
    None(ConnectError),
    Closed,
}

impl<D: Driver> Clone for Source<D> {
    fn clone(&self) -> Self {
        match self {
            Self::Own(pool) => Self::Own(pool.clone()),
            Self::Foreign(pool) => Self::Foreign(pool.clone()),
            Self::None(error) => Self::None(error.clone()),
            Self::Closed => Self::Closed,
        }
    }
}

impl<D: Driver> Core<D> {
    pub(crate) fn own(
        name: &'static str,
        keys: Keys,
        settings: Settings,
        provider: Option<CredentialProvider>,
    ) -> Arc<Self> {
        if let Some(refusal) = settings.refusal() {
            let error = ConnectError::new(ConnectErrorKind::Other, refusal);
            return Self::broken(name, keys.url, error);
        }
        let replica = Self::replica(name, keys, &settings, provider.clone());
        let settings = Arc::new(settings);
        let health = Arc::new(Health::default());
        let (kept, most) = sizes::<D>(&settings);
        let pool = Pool::builder()
            .max_size(most)
            .min_idle(None)
            // Ages and idleness are the connector's business: bb8 cannot keep `pool_size` connections and
            // close only those above, and its reaper would need a runtime now.
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(FAR_AWAY)
            .retry_connection(false)
            // The liveness check is ours: it is free on a busy connection.
            .test_on_check_out(false)
            // The connections used last have the warmest caches, and the others can idle out.
            .queue_strategy(QueueStrategy::Lifo)
            .error_sink(Box::new(Failures(Arc::clone(&health))))
            .build_unchecked(Connector::new(
                Arc::clone(&settings),
                provider,
                Arc::clone(&health),
                OpenPermits::new(most),
            ));
        let core = Self {
            name,
            url_key: keys.url,
            marks: replica.as_ref().map(|(marks, _)| Arc::clone(marks)),
            replica: replica.map(|(_, replica)| replica),
            registry: Arc::new(Registry::default()),
            health,
            closed: CancellationToken::new(),
            ended: CancellationToken::new(),
            detached: TaskTracker::new(),
            permits: Permits::new(most),
            source: Mutex::new(Source::Own(pool)),
            settings: Some(Arc::clone(&settings)),
        };
        let core = Arc::new(core);
        reaper::watch(&core, kept, &settings);
        core
    }

    /// A second pool, with the same settings, where they name a replica.
    #[allow(clippy::type_complexity)]
    fn replica(
        name: &'static str,
        keys: Keys,
        settings: &Settings,
        provider: Option<CredentialProvider>,
    ) -> Option<(Arc<Marks>, Arc<Replica<D>>)> {
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
        let keys = Keys {
            url: keys.replica_url,
            ..keys
        };
        let marks = Arc::new(Marks::default());
        let core = Self::own(name, keys, settings, provider);
        Some((Arc::clone(&marks), Arc::new(Replica::new(core, marks))))
    }

    pub(crate) fn foreign(
        name: &'static str,
        url_key: &'static str,
        pool: D::ForeignPool,
    ) -> Arc<Self> {
        Self::without_settings(name, url_key, Source::Foreign(pool))
    }

    /// Gives no sessions, and says why.
    pub(crate) fn broken(
        name: &'static str,
        url_key: &'static str,
        error: ConnectError,
    ) -> Arc<Self> {
        Self::without_settings(name, url_key, Source::None(error))
    }

    fn without_settings(name: &'static str, url_key: &'static str, source: Source<D>) -> Arc<Self> {
        Arc::new(Self {
            name,
            url_key,
            registry: Arc::new(Registry::default()),
            health: Arc::new(Health::default()),
            closed: CancellationToken::new(),
            ended: CancellationToken::new(),
            detached: TaskTracker::new(),
            permits: Permits::new(0),
            source: Mutex::new(source),
            settings: None,
            marks: None,
            replica: None,
        })
    }

    pub(crate) fn source(&self) -> Source<D> {
        self.source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells this factory from others.
    pub(crate) fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Lets go of the pool: its idle connections close now, the others when they come back.
    pub(crate) fn close_source(&self) {
        self.ended.cancel();
        let source = std::mem::replace(
            &mut *self.source.lock().unwrap_or_else(PoisonError::into_inner),
            Source::Closed,
        );
        let _context = crate::runtime::enter();
        drop(source);
    }

    /// Connections that are kept, and the most that may be open.
    pub(crate) fn sizes(&self) -> (u32, u32) {
        match (&self.settings, self.source()) {
            (Some(settings), _) => sizes::<D>(settings),
            (None, Source::Foreign(pool)) => {
                let (_, _, most) = D::foreign_figures(&pool);
                (most, most)
            }
            (None, _) => (0, 0),
        }
    }

    pub(crate) fn status(&self) -> Status {
        let (open, idle) = match self.source() {
            Source::Own(pool) => {
                let state = pool.state();
                (state.connections, state.idle_connections)
            }
            Source::Foreign(pool) => {
                let (open, idle, _) = D::foreign_figures(&pool);
                (open, idle)
            }
            Source::None(_) | Source::Closed => (0, 0),
        };
        let (pool_size, limit) = self.sizes();
        let (in_use, recovering) = self.registry.counts();
        Status {
            open,
            idle,
            in_use,
            recovering,
            waiting: self.registry.waiting(),
            pool_size,
            limit,
            pooler: self.health.pooled(),
            closed: self.closed.is_cancelled(),
            replica: self.replica.as_ref().map(|replica| replica.status()),
        }
    }

    pub(crate) fn echo(&self, origin: &Origin) -> Option<Echo> {
        let on = self.settings.as_ref().is_some_and(|settings| settings.echo);
        on.then(|| Echo::new(self.name, origin.function()))
    }

    pub(crate) async fn ping(&self) -> Result<(), SessionError> {
        let origin = Origin::internal("health");
        let mut lease = self.acquire(&origin, None).await?;
        match D::ping(lease.link()).await {
            Ok(()) => {
                lease.give_back();
                Ok(())
            }
            Err(error) => Err(SessionError::Query(error.into())),
        }
    }
}

fn sizes<D: Driver>(settings: &Settings) -> (u32, u32) {
    let kept = settings.pool_size.max(1);
    let most = kept.saturating_add(settings.max_overflow);
    match D::connection_limit(settings) {
        Some(limit) => (kept.min(limit), most.min(limit)),
        None => (kept, most),
    }
}
