//! The handle to a factory.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::task_tracker::TrackedFuture;

use super::database::{FactoryConfig, SessionFactory};
use super::shared::Shared;
use crate::call::{Deadline, LogPosition, Origin, SessionOptions, task_context};
use crate::driver::Driver;
use crate::error::{AlreadySet, ConnectError, SessionError};
use crate::observe::Echo;
use crate::pool::{CommitToken, Keys, Lease, Mark, Pools, ShutdownReport, Status};

/// A handle to one pool and its configuration: cheap to clone, safe to share.
///
/// The global one comes from `AppDb::factory().await?`. Others, for tests, tenants or a second database with the
/// same tables, come from [`Factory::new`] and [`Factory::from_pool`].
pub struct Factory<F: SessionFactory> {
    pub(super) shared: Shared<F::Driver, F::Config>,
}

impl<F: SessionFactory> Clone for Factory<F> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<F: SessionFactory> Debug for Factory<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factory")
            .field("name", &F::NAME)
            .field("config", &self.shared.config)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Factory<F> {
    /// Makes a factory that is not global. It connects when it is first used.
    pub fn new(config: F::Config) -> Self {
        let settings = config.settings();
        Self::of(Shared {
            pools: Pools::own(F::NAME, keys::<F>(), settings, None),
            config: Some(Arc::new(config)),
        })
    }

    /// Wraps a diesel-async bb8 pool that the application already has.
    ///
    /// Sessions then take their connections from it, and give them back clean. What only a connection of
    /// our own can do is missing: the protocol is not watched (the check before COMMIT is made with a
    /// `SAVEPOINT` in the same round trip instead, and [`commit_with`](crate::Session::commit_with) takes two), and settings that a session changed are not put back.
    pub fn from_pool(pool: <F::Driver as Driver>::ForeignPool) -> Self {
        Self::of(Shared {
            pools: Pools::foreign(F::NAME, keys::<F>().url, pool),
            config: None,
        })
    }

    pub(super) fn of(shared: Shared<F::Driver, F::Config>) -> Self {
        Self { shared }
    }

    /// Makes this factory the global one, which `AppDb::…` and `#[with_session]` use outside of a
    /// [`scope`](Self::scope). Call it once, before anything else uses the type.
    ///
    /// # Errors
    /// [`AlreadySet`] when there is a global factory already: it was set before, or a use of the type made it from the
    /// environment. That factory stays.
    pub fn set_global(&self) -> Result<(), AlreadySet> {
        F::global().set(self.shared.clone())
    }

    /// The configuration, unless the factory was made with [`from_pool`](Self::from_pool).
    pub fn config(&self) -> Option<&F::Config> {
        self.shared.config.as_deref()
    }

    /// Makes every `#[with_session]` function called inside `future` use this factory instead of the
    /// global one. Tasks that it spawns are outside.
    pub fn scope<T: Future>(&self, future: T) -> impl Future<Output = T::Output> + use<T, F> {
        task_context::with_factory(self.clone(), future)
    }

    /// The pool's figures, at once and without asking the server.
    pub fn status(&self) -> Status {
        self.shared.pools.status()
    }

    /// Takes a connection and makes one round trip. Returns how long both took.
    ///
    /// # Errors
    /// As [`create_session`](Self::create_session), and [`SessionError::Query`] when the server does not
    /// answer.
    ///
    /// # Cancellation
    /// A connection whose answer nobody waits for any more is closed.
    pub async fn health(&self) -> Result<Duration, SessionError> {
        let started = Instant::now();
        self.shared.pools.primary.ping().await?;
        Ok(started.elapsed())
    }

    /// Connects once, so that a wrong configuration shows at start-up: to the replica as well, where there is
    /// one.
    ///
    /// # Errors
    /// [`SessionError::Acquire`] with the connect error, [`SessionError::Query`] when the server does not answer,
    /// [`SessionError::Closed`] after [`shutdown`](Self::shutdown). A replica that is merely down is reported instead.
    ///
    /// # Cancellation
    /// A connection that was being opened is kept for the next caller.
    pub async fn init(&self) -> Result<(), SessionError> {
        self.shared.pools.primary.ping().await?;
        match &self.shared.pools.replica {
            Some(replica) => replica.prove().await,
            None => Ok(()),
        }
    }

    /// Names the newest commit of this factory, for readers elsewhere: see [`CommitToken`].
    ///
    /// None without a replica (`replica_url`), before the first commit, and while it is not known where a
    /// commit is, because its connection was lost or the body sent COMMIT by itself: let the reader use the
    /// primary then.
    pub fn commit_token(&self) -> Option<CommitToken> {
        match self.shared.pools.primary.marks.as_ref()?.mark() {
            Mark::At(position) => Some(CommitToken::new(position)),
            Mark::Nothing | Mark::Unknown => None,
        }
    }

    /// Has every `read_only` session of this factory that is opened inside `future` see the commit that
    /// `token` names: one with [`ReplicaPolicy::CaughtUp`](crate::ReplicaPolicy::CaughtUp), which is the default. Tasks that it spawns are
    /// outside.
    pub fn following<T: Future>(
        &self,
        token: CommitToken,
        future: T,
    ) -> impl Future<Output = T::Output> + use<T, F> {
        task_context::following(self.identity(), token.position(), future)
    }

    /// Gives no more sessions, waits at most `limit` for those that are out and for the calls that are
    /// detached, then rolls back what is left and closes every connection. The last takes up to five seconds more:
    /// a server may need them to give a statement up.
    ///
    /// # Cancellation
    /// Dropping the future stops the waiting; the factory stays shut.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.shared.pools.shutdown(limit).await
    }

    /// A connection for a session.
    pub(crate) async fn lease(
        &self,
        origin: &Origin,
        deadline: Option<&Deadline>,
        options: &SessionOptions,
    ) -> Result<Lease<F::Driver>, SessionError> {
        let acquired = match self.open_on_replica(origin, options, deadline).await {
            Some(lease) => Ok(lease),
            None => {
                self.shared
                    .pools
                    .primary
                    .acquire(origin, deadline.map(Deadline::left))
                    .await
            }
        };
        match acquired {
            Err(SessionError::Acquire(error))
                if !error.at_once && deadline.is_some_and(Deadline::has_expired) =>
            {
                let late = deadline.map(|deadline| deadline.while_acquiring(origin, error.clone()));
                Err(late.map_or(SessionError::Acquire(error), SessionError::Timeout))
            }
            taken => taken,
        }
    }

    async fn open_on_replica(
        &self,
        origin: &Origin,
        options: &SessionOptions,
        deadline: Option<&Deadline>,
    ) -> Option<Lease<F::Driver>> {
        let replica = self.shared.pools.replica.as_ref()?;
        let followed = task_context::followed(self.identity());
        let after = LogPosition::both(options.after, followed);
        let left = deadline.map(Deadline::left);
        // Boxed: most factories have no replica.
        Box::pin(replica.acquire(origin, options, after, left)).await
    }

    /// The echo of a session, where the settings ask for one.
    pub(crate) fn echo(&self, origin: &Origin) -> Option<Echo> {
        self.shared.pools.primary.echo(origin)
    }

    /// Tells factories apart.
    pub(crate) fn identity(&self) -> usize {
        self.shared.pools.primary.identity()
    }

    /// The most connections the pool may open.
    pub(crate) fn limit(&self) -> u32 {
        let (_, most) = self.shared.pools.primary.sizes();
        most
    }

    /// A call that `shutdown` waits for.
    pub(crate) fn detached<T: Future>(&self, call: T) -> TrackedFuture<T> {
        self.shared.pools.primary.detached.track_future(call)
    }

    /// No connection for want of something of our own.
    pub(crate) fn cannot_connect(&self, error: ConnectError) -> SessionError {
        self.shared.pools.primary.cannot_connect(error)
    }
}

pub(super) fn keys<F: SessionFactory>() -> Keys {
    let key = |setting, default| {
        let key = F::KEYS.iter().find(|key| key.setting == setting);
        key.map_or(default, |key| key.name)
    };
    Keys {
        url: key("url", "DATABASE_URL"),
        replica_url: key("replica_url", "DATABASE_REPLICA_URL"),
    }
}
