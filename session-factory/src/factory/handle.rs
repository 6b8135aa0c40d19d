//! A handle to a factory.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::task_tracker::TrackedFuture;

use super::database::{FactoryConfig, SessionFactory};
use super::shared::Shared;
#[cfg(feature = "testing")]
use crate::call::FaultEffect;
use crate::call::{
    Deadline, FutureInScope, LogPosition, Origin, RunsInScope, SessionOptions, task_context,
};
use crate::driver::Driver;
#[cfg(feature = "testing")]
use crate::error::Holder;
use crate::error::{AlreadySet, ConnectError, ObservedTooLate, SessionError};
use crate::observe::{Echo, Observer, SessionMonitor};
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
            .field("config", &self.config())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Factory<F> {
    /// Makes a factory that is not global. It connects when it is first used.
    // For a wrong argument the compiler prints the line with the function's name, and so the hint at its end.
    pub fn new(config: F::Config) -> Self // `AppDbConfig::from_env()?`; for a URL in the program `from_vars(|key| …)?`
    {
        let settings = config.settings();
        let pools = Pools::own(F::NAME, keys::<F>(), settings, None);
        Self::of(Shared::new(pools, Some(config.shared())))
    }

    /// Wraps a diesel-async bb8 pool that the application already has.
    ///
    /// Sessions take their connections from this pool and give them back clean. Two features need the factory's own
    /// connections and are missing. First, the session cannot watch the protocol: it checks the transaction before
    /// COMMIT with a `SAVEPOINT` in the same round trip, and [`commit_with`](crate::Session::commit_with) takes two
    /// round trips. Second, the session does not reset settings that its body changed.
    pub fn from_pool(pool: <F::Driver as Driver>::ExternalPool) -> Self {
        let pools = Pools::external(F::NAME, keys::<F>().url, pool);
        Self::of(Shared::new(pools, None))
    }

    pub(super) fn of(shared: Shared<F::Driver, F::Config>) -> Self {
        Self { shared }
    }

    /// Adds an observer, which receives a report of every connection, statement and unit of work of this factory. Each
    /// call adds one more.
    ///
    /// Call it before the factory opens its first session. After that, this method does not add the observer, and
    /// writes a message to the `tracing` subscriber or the standard error stream; [`observe`](Self::observe)
    /// returns an error instead of writing the message.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        if let Err(error) = self.observe(observer) {
            crate::observe::report(&error.to_string());
        }
        self
    }

    /// Like [`observed_by`](Self::observed_by), for a handle that is shared already; fails if it is called too late.
    ///
    /// # Errors
    /// [`ObservedTooLate`] once the factory has opened a session: the observer would miss what came before, so it is not
    /// added.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Result<(), ObservedTooLate> {
        if self.shared.pools.primary.monitor.add(observer) {
            Ok(())
        } else {
            Err(ObservedTooLate::of(F::NAME))
        }
    }

    /// Makes this factory the global one, which `AppDb::…` and `#[with_session]` use outside a
    /// [`scope`](Self::scope). Call it once, before anything else uses the type.
    ///
    /// # Errors
    /// [`AlreadySet`] when a global factory exists: an earlier call set it, or a use of the type made it from the
    /// environment. That factory stays.
    pub fn set_global(&self) -> Result<(), AlreadySet> {
        F::global().set(self.shared.clone())
    }

    /// Returns the configuration, unless the factory was made with [`from_pool`](Self::from_pool).
    pub fn config(&self) -> Option<&F::Config> {
        self.shared.config()
    }

    /// Makes every `#[with_session]` function that `future` calls use this factory instead of the
    /// global one. Tasks that `future` spawns use the global one.
    pub fn scope<T, R>(&self, future: T) -> FutureInScope<T, R>
    where
        T: RunsInScope<Output = R>,
    {
        task_context::with_factory(self.clone(), future)
    }

    /// Returns the pool's figures at once, without asking the server.
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
    /// Dropping the future while the server has not answered closes the connection.
    pub async fn health(&self) -> Result<Duration, SessionError> {
        let started = Instant::now();
        self.shared.pools.primary.ping().await?;
        Ok(started.elapsed())
    }

    /// Connects once to the server, and to the replica if there is one, so that a wrong configuration shows at
    /// start-up.
    ///
    /// # Errors
    /// [`SessionError::Acquire`] with the connect error, [`SessionError::Query`] when the server does not answer,
    /// [`SessionError::Closed`] after [`shutdown`](Self::shutdown). If only the replica is down, the factory reports
    /// that and `init` succeeds.
    ///
    /// # Cancellation
    /// If a connection was being opened, the pool goes on opening it and keeps it for the next caller.
    pub async fn init(&self) -> Result<(), SessionError> {
        self.shared.pools.primary.ping().await?;
        match &self.shared.pools.replica {
            Some(replica) => replica.prove().await,
            None => Ok(()),
        }
    }

    /// Returns a token that names this factory's newest commit, for readers in other processes: see [`CommitToken`].
    ///
    /// Returns `None` without a replica (`replica_url`), before the first commit, and while the
    /// position of a commit is unknown, because its connection was lost or the body sent COMMIT
    /// itself. The reader then has to use the primary.
    pub fn commit_token(&self) -> Option<CommitToken> {
        match self.shared.pools.primary.marks.as_ref()?.mark() {
            Mark::At(position) => Some(CommitToken::new(position)),
            Mark::Nothing | Mark::Unknown => None,
        }
    }

    /// Makes every `read_only` session that `future` opens from this factory see the commit that `token` names, if its
    /// policy is [`ReplicaPolicy::CaughtUp`](crate::ReplicaPolicy::CaughtUp), the default. Tasks that `future` spawns
    /// are not affected.
    pub fn following<T, R>(&self, token: CommitToken, future: T) -> FutureInScope<T, R>
    where
        T: RunsInScope<Output = R>,
    {
        task_context::following(self.identity(), token.position(), future)
    }

    /// Stops opening sessions, waits at most `limit` for open sessions and detached calls, then rolls back what is left
    /// and closes every connection. The rollback takes up to five seconds more, because a server may need them to
    /// cancel a statement.
    ///
    /// # Cancellation
    /// Dropping the future stops the wait; the factory opens no more sessions.
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.shared.pools.shutdown(limit).await
    }

    /// Borrows a connection for a session.
    pub(crate) async fn lease(
        &self,
        origin: &Origin,
        deadline: Option<&Deadline>,
        options: &SessionOptions,
        monitor: &mut Option<SessionMonitor>,
    ) -> Result<Lease<F::Driver>, SessionError> {
        let Some(monitor) = monitor else {
            return self.take_lease(origin, deadline, options).await;
        };
        let span = monitor.acquiring();
        let taking = self.take_lease(origin, deadline, options);
        // Boxed if sessions are observed, to keep callers' futures small.
        let acquired = if span.is_on() {
            Box::pin(span.clone().around(taking)).await
        } else {
            taking.await
        };
        match &acquired {
            Ok(lease) => lease.observed_by(monitor),
            Err(error) => monitor.not_acquired(error, &span),
        }
        acquired
    }

    async fn take_lease(
        &self,
        origin: &Origin,
        deadline: Option<&Deadline>,
        options: &SessionOptions,
    ) -> Result<Lease<F::Driver>, SessionError> {
        #[cfg(feature = "testing")]
        let struck = Box::pin(self.strike(origin, deadline)).await;
        #[cfg(not(feature = "testing"))]
        let struck = Ok(());
        let on_replica = match struck {
            Ok(()) => Ok(self.open_on_replica(origin, options, deadline).await),
            Err(error) => Err(error),
        };
        let acquired = match on_replica {
            Err(error) => Err(error),
            Ok(Some(lease)) => Ok(lease),
            Ok(None) => {
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

    /// Applies the faults that a test has armed for the moment when a session is opened.
    #[cfg(feature = "testing")]
    async fn strike(
        &self,
        origin: &Origin,
        deadline: Option<&Deadline>,
    ) -> Result<(), SessionError> {
        let Some(test) = task_context::test() else {
            return Ok(());
        };
        let is_ours = |own: Self| own.identity() == self.identity();
        if !test.factory::<Self>().is_some_and(is_ours) {
            return Ok(());
        }
        for effect in test.faults.at_acquire(origin.function()) {
            match effect {
                FaultEffect::Refused(error) => return Err(self.cannot_connect(error)),
                FaultEffect::Slow(time) => {
                    let left = deadline.map(Deadline::left);
                    self.shared.pools.primary.wait_in_vain(time, left).await?;
                }
                _ => {}
            }
        }
        Ok(())
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
        // Boxed, because most factories have no replica.
        Box::pin(replica.acquire(origin, options, after, left)).await
    }

    /// Returns the monitor that this call's session reports to; `None` if nothing observes sessions.
    pub(crate) fn monitor(&self, origin: &Origin) -> Option<SessionMonitor> {
        self.shared.pools.primary.monitor.session(origin)
    }

    /// Returns the session's echo, if the settings enable it.
    pub(crate) fn echo(&self, origin: &Origin) -> Option<Echo> {
        self.shared.pools.primary.echo(origin)
    }

    /// Returns a number that no other live factory has.
    pub(crate) fn identity(&self) -> usize {
        self.shared.pools.primary.identity()
    }

    /// Returns the greatest number of connections that the pool may open.
    pub(crate) fn limit(&self) -> u32 {
        let (_, most) = self.shared.pools.primary.sizes();
        most
    }

    /// Returns the calls that hold a connection, each with its file and line.
    #[cfg(feature = "testing")]
    pub(crate) fn holders(&self) -> Vec<Holder> {
        let replica = self.shared.pools.replica.iter();
        let of_replica = replica.flat_map(|replica| replica.core.holders());
        let primary = self.shared.pools.primary.holders();
        primary.into_iter().chain(of_replica).collect()
    }

    /// True while a detached call runs.
    #[cfg(feature = "testing")]
    pub(crate) fn has_detached_calls(&self) -> bool {
        !self.shared.pools.primary.detached.is_empty()
    }

    /// Tracks a call that `shutdown` waits for.
    pub(crate) fn detached<T: Future>(&self, call: T) -> TrackedFuture<T> {
        self.shared.pools.primary.detached.track_future(call)
    }

    /// Returns the error for a missing resource of the crate itself, such as the background runtime.
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
