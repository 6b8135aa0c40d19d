//! The factory: configuration, pool and the sessions it has given out.

pub(crate) mod configure;
mod credentials;
pub(crate) mod global;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::task_tracker::TrackedFuture;

pub use self::global::Global;
use crate::call::{Deadline, LogPosition, Origin, SessionOptions, task_context};
use crate::config::{Key, Reader, Settings};
use crate::driver::Driver;
use crate::error::{ConnectError, SessionError};
use crate::pool::{CommitToken, Core, Keys, Lease, Mark, ShutdownReport, Status};
use crate::session::{AsyncBody, Session, SessionBuilder};

/// What `session_factory!` implements for the type it generates.
///
/// Implement it through the macro only: items may be added in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session factory",
    label = "expected a type that `session_factory!` declares",
    note = "declare one: `session_factory! {{ pub struct AppDb(Postgres); }}`, and write `Session<AppDb>`"
)]
pub trait SessionFactory: Sized + Send + Sync + 'static {
    /// The database backend.
    #[doc(hidden)]
    type Driver: Driver;
    /// The generated configuration type.
    type Config: FactoryConfig<Factory = Self>;
    /// The name of the type, for messages.
    const NAME: &'static str;
    /// Every key that is read.
    const KEYS: &'static [Key];
    /// What the macro's settings say about the size of the pool.
    #[doc(hidden)]
    type Pool;
    /// The global factory's place.
    #[doc(hidden)]
    fn global() -> &'static Global<Self>;
}

/// [`SessionFactory::Pool`] of a pool whose settings fix its size at one connection.
#[doc(hidden)]
#[derive(Debug)]
pub enum PoolOfOne {}

/// [`SessionFactory::Pool`] of any other.
#[doc(hidden)]
#[derive(Debug)]
pub enum AnyPool {}

/// What `session_factory!` implements for the configuration type it generates.
#[doc(hidden)]
pub trait FactoryConfig: Clone + Debug + Send + Sync + 'static {
    /// The factory. Generated code gets to a factory by way of this: where a type is none, the compiler then knows
    /// nothing that it could report a second time.
    type Factory: SessionFactory;
    /// Whether `.env` is read as well.
    const DOTENV: bool;
    /// Reads all keys; `None` after noting what is wrong.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
    /// The standard settings.
    fn settings(&self) -> Settings;
}

/// A handle to one pool and its configuration: cheap to clone, safe to share.
///
/// The global one comes from `AppDb::factory().await?`. Others, for tests, tenants or a second database with the
/// same tables, come from [`Factory::new`] and [`Factory::from_pool`].
pub struct Factory<F: SessionFactory> {
    core: Arc<Core<F::Driver>>,
    config: Option<Arc<F::Config>>,
}

impl<F: SessionFactory> Clone for Factory<F> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            config: self.config.clone(),
        }
    }
}

impl<F: SessionFactory> Debug for Factory<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factory")
            .field("name", &F::NAME)
            .field("config", &self.config)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Factory<F> {
    /// Makes a factory that is not global. It connects when it is first used.
    pub fn new(config: F::Config) -> Self {
        let settings = config.settings();
        Self {
            core: Core::own(F::NAME, keys::<F>(), settings, None),
            config: Some(Arc::new(config)),
        }
    }

    /// Wraps a diesel-async bb8 pool that the application already has.
    ///
    /// Sessions then take their connections from it, and give them back clean. What only a connection of
    /// our own can do is missing: the protocol is not watched (the check before COMMIT is made with a
    /// `SAVEPOINT` in the same round trip instead, and [`commit_with`](crate::Session::commit_with) takes two), and settings that a session changed are not put back.
    pub fn from_pool(pool: <F::Driver as Driver>::ForeignPool) -> Self {
        Self {
            core: Core::foreign(F::NAME, keys::<F>().url, pool),
            config: None,
        }
    }

    /// Makes this factory the global one, which `AppDb::…` and `#[with_session]` use outside of a
    /// [`scope`](Self::scope). False, without any effect, when there is one already: it was set before, or was used
    /// and so made from the environment.
    #[must_use = "false: the global factory is another one"]
    pub fn set_global(&self) -> bool {
        F::global().set(self.clone())
    }

    /// The configuration, unless the factory was made with [`from_pool`](Self::from_pool).
    pub fn config(&self) -> Option<&F::Config> {
        self.config.as_deref()
    }

    /// Opens one session. The caller commits; dropped uncommitted, it is rolled back.
    ///
    /// # Errors
    /// [`SessionError::Acquire`] when no connection can be had, [`SessionError::Closed`] after
    /// [`shutdown`](Self::shutdown).
    ///
    /// # Cancellation
    /// Dropping the future gives its place in the queue (or the connection) back.
    #[track_caller]
    pub fn create_session(&self) -> impl Future<Output = Result<Session<F>, SessionError>> + Send {
        let origin = Origin::of_caller("create_session", std::panic::Location::caller());
        let factory = self.clone();
        async move {
            let options = SessionOptions::new();
            let lease = factory.lease(&origin, None, &options).await?;
            let session = factory.on(lease, &origin, &options);
            Ok(session.manual(origin))
        }
    }

    /// Runs `body` with a session: the guarantees of `#[with_session]` without the attribute.
    ///
    /// # What the compiler says about a body
    /// | it says | write |
    /// | --- | --- |
    /// | "implementation of `AsyncFnOnce` is not general enough", "lifetime may not live long enough", or "type annotations needed" about the parameter | `async \|db\| { … }` instead of `\|db\| async move { … }` |
    /// | "type annotations needed" about `E` or `Result<_, _>` | the error type: `async \|db\| -> Result<_, AppError> { … }`, or `Ok::<_, AppError>(…)` at the end |
    /// | "async closure does not implement `Fn` because it captures state", with `retry` | a body that changes nothing outside of it: return what changes, or count in an atomic |
    ///
    /// # Errors
    /// What the body returns, or a [`SessionError`] as the body's error type when no session could be
    /// opened or its work could not be committed.
    ///
    /// # Cancellation
    /// Dropping the future cancels the running statement on the server and rolls back.
    #[track_caller]
    pub fn with_session<'a, T, E, B>(
        &self,
        body: B,
    ) -> impl Future<Output = Result<T, E>> + Send + 'a
    where
        for<'s> B: AsyncFnOnce(&'s mut Session<F>) -> Result<T, E>
            + AsyncBody<&'s mut Session<F>, Result<T, E>>
            + Send
            + 'a,
        T: Send + 'a,
        E: From<SessionError> + Send + 'a,
    {
        let origin = Origin::of_caller("with_session", std::panic::Location::caller());
        SessionBuilder::of(self.clone(), origin).call(body)
    }

    /// A session with options, for a body: `factory.session().read_only().run(async |db| …)`.
    #[track_caller]
    pub fn session(&self) -> SessionBuilder<F> {
        let origin = Origin::of_caller("session", std::panic::Location::caller());
        SessionBuilder::of(self.clone(), origin)
    }

    /// Makes every `#[with_session]` function called inside `future` use this factory instead of the
    /// global one. Tasks that it spawns are outside.
    pub fn scope<T: Future>(&self, future: T) -> impl Future<Output = T::Output> + use<T, F> {
        task_context::with_factory(self.clone(), future)
    }

    /// The pool's figures, at once and without asking the server.
    pub fn status(&self) -> Status {
        self.core.status()
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
        self.core.ping().await?;
        Ok(started.elapsed())
    }

    /// Connects once, so that a wrong configuration shows at start-up: to the replica as well, where there is
    /// one.
    ///
    /// # Errors
    /// [`SessionError::Acquire`] with the connect error, [`SessionError::Closed`] after
    /// [`shutdown`](Self::shutdown). A replica that is merely down is reported instead.
    ///
    /// # Cancellation
    /// A connection that was being opened is kept for the next caller.
    pub async fn init(&self) -> Result<(), SessionError> {
        self.core.ping().await?;
        match &self.core.replica {
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
        match self.core.marks.as_ref()?.mark() {
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
        self.core.shutdown(limit).await
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
                self.core
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

    /// The session on it. Not made where the connection is waited for: it is large, and would be moved through
    /// every future on the way.
    pub(crate) fn on(
        &self,
        lease: Lease<F::Driver>,
        origin: &Origin,
        options: &SessionOptions,
    ) -> Session<F> {
        Session::new(lease, options, self.core.echo(origin))
    }

    async fn open_on_replica(
        &self,
        origin: &Origin,
        options: &SessionOptions,
        deadline: Option<&Deadline>,
    ) -> Option<Lease<F::Driver>> {
        let replica = self.core.replica.as_ref()?;
        let followed = task_context::followed(self.identity());
        let after = LogPosition::both(options.after, followed);
        let left = deadline.map(Deadline::left);
        // Boxed: most factories have no replica.
        Box::pin(replica.acquire(origin, options, after, left)).await
    }

    /// Tells factories apart.
    pub(crate) fn identity(&self) -> usize {
        self.core.identity()
    }

    /// The most connections the pool may open.
    pub(crate) fn limit(&self) -> u32 {
        let (_, most) = self.core.sizes();
        most
    }

    /// A call that `shutdown` waits for.
    pub(crate) fn detached<T: Future>(&self, call: T) -> TrackedFuture<T> {
        self.core.detached.track_future(call)
    }

    /// No connection for want of something of our own.
    pub(crate) fn cannot_connect(&self, error: ConnectError) -> SessionError {
        self.core.cannot_connect(error)
    }
}

fn keys<F: SessionFactory>() -> Keys {
    let key = |setting, default| {
        let key = F::KEYS.iter().find(|key| key.setting == setting);
        key.map_or(default, |key| key.name)
    };
    Keys {
        url: key("url", "DATABASE_URL"),
        replica_url: key("replica_url", "DATABASE_REPLICA_URL"),
    }
}
