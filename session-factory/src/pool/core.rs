//! One pool and its state.

use std::sync::Arc;

use bb8::Pool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect_health::Health;
use super::connector::Connector;
use super::permits::Permits;
use super::registry::Registry;
use super::replica::commit_marks::CommitMarks;
use super::size;
use super::status::Status;
use crate::call::Origin;
use crate::config::Settings;
use crate::driver::{Driver, DriverConnection};
#[cfg(feature = "testing")]
use crate::error::Holder;
use crate::error::{ConnectError, SessionError};
use crate::observe::{Echo, Monitor, PoolKind};
use crate::sync::Mutex;

/// One pool: its connections, the callers that wait for one, and the leases.
pub(crate) struct Core<D: Driver> {
    pub(super) name: &'static str,
    pub(super) url_key: &'static str,
    pub(super) settings: Option<Arc<Settings>>,
    pub(super) registry: Arc<Registry>,
    pub(super) health: Arc<Health>,
    /// When cancelled, only calls that `shutdown` waits for still get sessions.
    pub(super) closed: CancellationToken,
    /// When cancelled, no call gets a session.
    pub(super) ended: CancellationToken,
    /// Detached calls, which run even if their callers are dropped.
    pub(crate) detached: TaskTracker,
    /// The log positions of this pool's commits; `None` without a replica.
    pub(crate) marks: Option<Arc<CommitMarks>>,
    /// The permits of the factory's own pool; unused for an external one.
    pub(super) permits: Permits,
    pub(super) source: Mutex<Source<D>>,
    pub(crate) monitor: Arc<Monitor>,
    pub(super) kind: PoolKind,
}

/// The source of connections.
pub(crate) enum Source<D: Driver> {
    Own(Pool<Connector<D>>),
    External(D::ExternalPool),
    /// None, because the factory was configured in a way that cannot work.
    None(ConnectError),
    Closed,
}

impl<D: Driver> Clone for Source<D> {
    fn clone(&self) -> Self {
        match self {
            Self::Own(pool) => Self::Own(pool.clone()),
            Self::External(pool) => Self::External(pool.clone()),
            Self::None(error) => Self::None(error.clone()),
            Self::Closed => Self::Closed,
        }
    }
}

impl<D: Driver> Core<D> {
    pub(crate) fn external(
        name: &'static str,
        url_key: &'static str,
        pool: D::ExternalPool,
    ) -> Arc<Self> {
        Self::without_settings(name, url_key, Source::External(pool))
    }

    /// Makes a pool whose sessions all fail with `error`.
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
            monitor: Monitor::new(name, None),
            kind: PoolKind::Primary,
        })
    }

    pub(crate) fn source(&self) -> Source<D> {
        self.source.lock().clone()
    }

    /// Returns a number that no other live factory has.
    pub(crate) fn identity(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Releases the pool: idle connections close now, borrowed ones when they return.
    pub(crate) fn close_source(&self) {
        self.ended.cancel();
        let source = std::mem::replace(&mut *self.source.lock(), Source::Closed);
        let _context = crate::runtime::enter();
        drop(source);
    }

    /// Returns the number of connections that the pool keeps, and the greatest number that it may open.
    pub(crate) fn sizes(&self) -> (u32, u32) {
        match (&self.settings, self.source()) {
            (Some(settings), _) => size::of::<D>(settings),
            (None, Source::External(pool)) => {
                let (_, _, most) = D::external_figures(&pool);
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
            Source::External(pool) => {
                let (open, idle, _) = D::external_figures(&pool);
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
            replica: None,
        }
    }

    /// Returns the calls that hold a connection, and those whose dropped session is still being recovered.
    #[cfg(feature = "testing")]
    pub(crate) fn holders(&self) -> Vec<Holder> {
        self.registry.holders()
    }

    pub(crate) fn echo(&self, origin: &Origin) -> Option<Echo> {
        let on = self.settings.as_ref().is_some_and(|settings| settings.echo);
        on.then(|| Echo::new(self.name, origin.function()))
    }

    pub(crate) async fn ping(&self) -> Result<(), SessionError> {
        let origin = Origin::internal("health");
        let mut lease = self.acquire(&origin, None).await?;
        match lease.connection().ping().await {
            Ok(()) => {
                lease.give_back();
                Ok(())
            }
            Err(error) => Err(SessionError::Query(error.into())),
        }
    }
}
