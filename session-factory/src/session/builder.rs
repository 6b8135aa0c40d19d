//! The options of `#[with_session(…)]` for a closure as the body.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use super::contract::{Contract, contract};
use super::unit_of_work::Unit;
use super::{AsyncBody, AsyncBodyAgain, Run, Session};
use crate::call::isolation::Level;
use crate::call::{Origin, ReplicaPolicy, Retry, SessionOptions};
use crate::driver::{SupportsDeferrable, SupportsImmediate, SupportsIsolation, SupportsReplica};
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory, global};
use crate::pool::CommitToken;

/// Options for a session that runs a body: from `AppDb::session()` or
/// [`Factory::session`](crate::Factory::session).
///
/// The guarantees are those of `#[with_session]`, and so are the options.
#[must_use = "a session is opened by `.run(async |db| …)`"]
pub struct SessionBuilder<F: SessionFactory, Runs = Once, Commits = OnOk> {
    /// `None` for the factory that applies where the body runs.
    factory: Option<Factory<F>>,
    origin: Origin,
    options: SessionOptions,
    commits: Commits,
    runs: PhantomData<Runs>,
}

/// The body runs once.
#[derive(Debug)]
pub struct Once;

/// The body runs again after a conflict.
#[derive(Debug)]
pub struct Retrying;

/// `Ok` commits, `Err` rolls back.
#[derive(Debug)]
pub struct OnOk;

/// The application's function decides.
#[derive(Debug)]
pub struct When<C>(C);

/// Whether a result is to be committed.
#[doc(hidden)]
pub trait CommitOn<T, E> {
    /// True to commit.
    fn commits(&self, result: &Result<T, E>) -> bool;
}

impl<T, E> CommitOn<T, E> for OnOk {
    fn commits(&self, result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

impl<T, E, C: Fn(&Result<T, E>) -> bool> CommitOn<T, E> for When<C> {
    fn commits(&self, result: &Result<T, E>) -> bool {
        (self.0)(result)
    }
}

impl<F: SessionFactory, Runs, Commits> std::fmt::Debug for SessionBuilder<F, Runs, Commits> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("factory", &F::NAME)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> SessionBuilder<F> {
    pub(crate) fn of(factory: Factory<F>, origin: Origin) -> Self {
        Self::new(Some(factory), origin)
    }

    pub(crate) fn new(factory: Option<Factory<F>>, origin: Origin) -> Self {
        Self {
            factory,
            origin,
            options: SessionOptions::new(),
            commits: OnOk,
            runs: PhantomData,
        }
    }
}

impl<F: SessionFactory, Runs, Commits> SessionBuilder<F, Runs, Commits> {
    /// Sets the isolation level of the transaction: `Isolation::Serializable`, or a type of
    /// [`isolation`](crate::driver::isolation). A level that the backend lacks does not compile.
    pub fn isolation<L: Level>(mut self, level: L) -> Self
    where
        F::Driver: SupportsIsolation<L>,
    {
        self.options = self.options.isolation(level.level());
        self
    }

    /// Begins a read-only transaction: the database refuses writes. The session uses the replica if there is one.
    pub fn read_only(mut self) -> Self {
        self.options = self.options.read_only();
        self
    }

    /// Waits for a snapshot that no serialization failure can hit (PostgreSQL; takes effect only together with
    /// `Serializable` and [`read_only`](Self::read_only)).
    pub fn deferrable(mut self) -> Self
    where
        F::Driver: SupportsDeferrable,
    {
        self.options = self.options.deferrable();
        self
    }

    /// Takes the write lock at the first statement, even if that one reads (SQLite; the default for a session that is
    /// not [`read_only`](Self::read_only)).
    pub fn immediate(mut self) -> Self
    where
        F::Driver: SupportsImmediate,
    {
        self.options = self.options.immediate();
        self
    }

    /// Sets whether a [`read_only`](Self::read_only) session may use the replica. Default: [`ReplicaPolicy::CaughtUp`].
    pub fn replica(mut self, replica: ReplicaPolicy) -> Self
    where
        F::Driver: SupportsReplica,
    {
        self.options = self.options.replica(replica);
        self
    }

    /// Reads a replica only once the replica has replayed `token`'s commit, so that the commit is visible.
    pub fn after(mut self, token: CommitToken) -> Self
    where
        F::Driver: SupportsReplica,
    {
        self.options = self.options.after(token.position());
        self
    }

    /// Sets one deadline for getting the connection, the body, its attempts and COMMIT. Default: none.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options = self.options.timeout(limit);
        self
    }

    /// Opens the session even if the task already has one from this factory.
    pub fn requires_new(mut self) -> Self {
        self.options = self.options.requires_new();
        self
    }

    /// Runs the body up to `max` more times after a serialization failure, a deadlock or a busy database. Before each
    /// further attempt it pauses for a random time (full jitter): below 10 ms, then below 20 ms, doubling up to 1 s.
    ///
    /// The failure that the session saw decides; the body's error type has no influence. The session never runs the
    /// body again if the body has committed something itself, or if the outcome is unknown.
    pub fn retry(self, max: u32) -> SessionBuilder<F, Retrying, Commits> {
        self.retry_within(max, Retry::BASE, Retry::CAP)
    }

    /// Like [`retry`](Self::retry), with pauses below `base`, then below twice that, doubling up to `cap`.
    pub fn retry_within(
        self,
        max: u32,
        base: Duration,
        cap: Duration,
    ) -> SessionBuilder<F, Retrying, Commits> {
        SessionBuilder {
            factory: self.factory,
            origin: self.origin,
            options: self.options.retry(max, base, cap),
            commits: self.commits,
            runs: PhantomData,
        }
    }

    /// Lets `decide` choose for each result whether to commit: it can commit an `Err` or roll back an `Ok`.
    pub fn commit_on<T, E, C>(self, decide: C) -> SessionBuilder<F, Runs, When<C>>
    where
        C: Fn(&Result<T, E>) -> bool,
    {
        SessionBuilder {
            factory: self.factory,
            origin: self.origin,
            options: self.options,
            commits: When(decide),
            runs: PhantomData,
        }
    }

    fn factory(&self) -> Result<Factory<F>, SessionError> {
        match &self.factory {
            Some(factory) => Ok(factory.clone()),
            None => global::factory::<F>(),
        }
    }

    async fn open_unit(&self) -> Result<Unit<F>, SessionError> {
        let factory = self.factory();
        Unit::open(|| factory, self.origin, self.options).await
    }
}

impl<F: SessionFactory, Commits> SessionBuilder<F, Once, Commits> {
    /// Runs `body` with a session.
    ///
    /// # What the compiler says about a body
    /// "Not general enough", "type annotations needed" and "does not implement `Fn`" are explained, with what to write,
    /// at [`Factory::with_session`](crate::Factory::with_session).
    ///
    /// # Errors
    /// The body's `Err`, or a [`SessionError`] as the body's error type when the session could not be opened or its
    /// work not be committed.
    ///
    /// # Cancellation
    /// Dropping the future cancels the running statement on the server and rolls back.
    pub fn run<'a, T, E, B>(self, body: B) -> Run<'a, T, E>
    where
        for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<SessionError> + Send + 'a,
        Commits: CommitOn<T, E> + Send + Sync + 'a,
    {
        Run::new(self.call(body))
    }

    pub(crate) async fn call<T, E, B>(self, body: B) -> Result<T, E>
    where
        for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send,
        T: Send,
        E: From<SessionError> + Send,
        Commits: CommitOn<T, E> + Sync,
    {
        let contract: Contract<Result<T, E>> = contract();
        let mut unit = match self.open_unit().await {
            Ok(unit) => unit,
            Err(error) => return contract.fail(error),
        };
        let scope = unit.scope();
        let result = contract.run(scope, body(unit.session())).await;
        let commit = self.commits.commits(&result);
        contract.finish_by(&mut unit, result, commit).await
    }

    /// Runs `body` to its end in its own task, even if the caller drops the returned future after its first poll.
    /// [`shutdown`](crate::Factory::shutdown) waits for it.
    ///
    /// # Errors
    /// As [`run`](Self::run); [`SessionError::RuntimeEnded`] when the runtime ends before the body does.
    ///
    /// # Panics
    /// When the body does.
    pub async fn run_detached<T, E, B>(self, body: B) -> Result<T, E>
    where
        for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<SessionError> + Send + 'static,
        Commits: CommitOn<T, E> + Send + Sync + 'static,
    {
        let contract: Contract<Result<T, E>> = contract();
        match self.factory() {
            Ok(factory) => contract.detach_from(factory, self.run(body)).await,
            Err(error) => contract.fail(error),
        }
    }
}

impl<F: SessionFactory, Commits> SessionBuilder<F, Retrying, Commits> {
    /// Runs `body` with a session, and again with a new session after a conflict.
    ///
    /// # What the compiler says about a body
    /// "Not general enough", "type annotations needed" and "does not implement `Fn`" are explained, with what to write,
    /// at [`Factory::with_session`](crate::Factory::with_session).
    ///
    /// # Errors
    /// The body's last `Err`, or a [`SessionError`] as the body's error type. A conflict's text says which attempt it
    /// was, and how many were allowed.
    ///
    /// # Cancellation
    /// Dropping the future cancels the running statement on the server and rolls back. During a pause no transaction is
    /// open.
    pub fn run<'a, T, E, B>(self, body: B) -> Run<'a, T, E>
    where
        // Both bounds, because the first makes the compiler explain a body that can run only once.
        for<'s> B: AsyncFn(&'s mut Session<F>) -> Result<T, E>
            + AsyncBodyAgain<&'s mut Session<F>, Result<T, E>>
            + Send
            + 'a,
        T: Send + 'a,
        E: From<SessionError> + Send + 'a,
        Commits: CommitOn<T, E> + Send + Sync + 'a,
        F: 'a,
    {
        Run::new(self.call_again(body))
    }

    async fn call_again<T, E, B>(self, body: B) -> Result<T, E>
    where
        for<'s> B: AsyncBodyAgain<&'s mut Session<F>, Result<T, E>> + Send,
        T: Send,
        E: From<SessionError> + Send,
        Commits: CommitOn<T, E> + Sync,
    {
        let contract: Contract<Result<T, E>> = contract();
        let mut unit = match self.open_unit().await {
            Ok(unit) => unit,
            Err(error) => return contract.fail(error),
        };
        loop {
            let scope = unit.scope();
            let result = contract.run(scope, body(unit.session())).await;
            let commit = self.commits.commits(&result);
            let next = contract.again_by(&mut unit, result, commit).await;
            if let ControlFlow::Break(result) = next {
                return result;
            }
        }
    }
}
