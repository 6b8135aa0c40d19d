//! How a factory opens sessions.

use super::{AsyncBody, Run, Session, SessionBuilder};
use crate::call::{Origin, SessionOptions};
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory};
use crate::observe::SessionMonitor;
use crate::pool::Lease;

impl<F: SessionFactory> Factory<F> {
    /// Opens one session. The caller commits it; a session that is dropped before that is rolled back.
    ///
    /// # Errors
    /// [`SessionError::Acquire`] when the pool gives no connection, [`SessionError::Closed`] after
    /// [`shutdown`](Self::shutdown).
    ///
    /// # Cancellation
    /// Dropping the future gives back its place in the queue, or the connection.
    #[track_caller]
    pub fn create_session(&self) -> impl Future<Output = Result<Session<F>, SessionError>> + Send {
        let origin = Origin::of_caller("create_session", std::panic::Location::caller());
        let factory = self.clone();
        async move { factory.open_manual(origin).await }
    }

    /// Opens a session that its caller commits. `origin` is where the caller opens it.
    pub(crate) async fn open_manual(&self, origin: Origin) -> Result<Session<F>, SessionError> {
        let options = SessionOptions::new();
        let mut monitor = self.monitor(&origin);
        let lease = self.lease(&origin, None, &options, &mut monitor).await?;
        let session = self.on(lease, &origin, &options, monitor);
        Ok(session.manual(origin))
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
    /// The body's `Err`, or a [`SessionError`] as the body's error type when the session could not be opened or its
    /// work not be committed.
    ///
    /// # Cancellation
    /// Dropping the future cancels the running statement on the server and rolls back.
    #[track_caller]
    pub fn with_session<'a, T, E, B>(&self, body: B) -> Run<'a, T, E>
    where
        for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<SessionError> + Send + 'a,
    {
        let origin = Origin::of_caller("with_session", std::panic::Location::caller());
        Run::new(SessionBuilder::of(self.clone(), origin).call(body))
    }

    /// Builds a session with options that runs a body: `factory.session().read_only().run(async |db| …)`.
    #[track_caller]
    pub fn session(&self) -> SessionBuilder<F> {
        let origin = Origin::of_caller("session", std::panic::Location::caller());
        SessionBuilder::of(self.clone(), origin)
    }

    /// Makes a session of a lease. Acquiring returns the lease alone, because a session is large and would be moved
    /// through every future on the way.
    pub(crate) fn on(
        &self,
        lease: Lease<F::Driver>,
        origin: &Origin,
        options: &SessionOptions,
        monitor: Option<SessionMonitor>,
    ) -> Session<F> {
        Session::new(lease, origin, options, self.echo(origin), monitor)
    }
}
