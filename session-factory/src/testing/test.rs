//! A test's access to its database.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::databases::Tested;
use super::lease::{Lease, Site};
use super::record::{LOOK, Record, Statements, Units};
use crate::call::{FutureInScope, Origin, RunsInScope, TestContext, task_context};
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory};
use crate::session::{AsyncBody, Session, SessionBuilder};

/// A running test's database, given to the test as its parameter.
///
/// Everything that runs on the test's runtime uses this database: annotated functions, spawned tasks, a server in the
/// test, detached calls and hooks. [`scope`](TestHandle::scope) is for what runs elsewhere.
pub struct Test<F: SessionFactory> {
    factory: Factory<F>,
    site: Arc<Site<F>>,
    record: Arc<Record>,
    url: Arc<str>,
    context: Arc<TestContext>,
}

impl<F: SessionFactory> Clone for Test<F> {
    fn clone(&self) -> Self {
        Self {
            factory: self.factory.clone(),
            site: Arc::clone(&self.site),
            record: Arc::clone(&self.record),
            url: Arc::clone(&self.url),
            context: Arc::clone(&self.context),
        }
    }
}

impl<F: SessionFactory> fmt::Debug for Test<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test")
            .field("factory", &self.factory)
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Test<F> {
    pub(super) fn new(lease: &Lease<F>, context: &Arc<TestContext>) -> Self
    where
        F::Driver: Tested,
    {
        Self {
            context: Arc::clone(context),
            factory: lease.factory.clone(),
            site: Arc::clone(&lease.site),
            record: Arc::clone(&lease.record),
            url: lease.url.as_str().into(),
        }
    }

    pub(super) fn site(&self) -> &Site<F> {
        &self.site
    }

    pub(super) fn context(&self) -> &Arc<TestContext> {
        &self.context
    }

    /// The test's factory, which annotated functions use in this test.
    pub fn factory(&self) -> &Factory<F> {
        &self.factory
    }

    /// The URL of the test's database, for another process. It contains the password, if the server's URL has one.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs `body` in its own session and commits it on `Ok`. Use it to insert what the test needs, and to see what the
    /// tested code did.
    ///
    /// # Errors
    /// As [`Factory::with_session`].
    ///
    /// # Cancellation
    /// As [`Factory::with_session`].
    #[track_caller]
    pub fn look<'a, T, E, B>(&self, body: B) -> impl Future<Output = Result<T, E>> + Send + 'a
    where
        for<'s> B: AsyncFnOnce(&'s mut Session<F>) -> Result<T, E>
            + AsyncBody<&'s mut Session<F>, Result<T, E>>
            + Send
            + 'a,
        T: Send + 'a,
        E: From<SessionError> + Send + 'a,
    {
        let origin = Origin::of_caller(LOOK, Location::caller());
        SessionBuilder::of(self.factory.clone(), origin).call(body)
    }

    /// The units of work that have ended so far: calls of annotated functions, and sessions that were opened by hand.
    /// Units of [`look`](Self::look) are not among them.
    pub fn units(&self) -> Units {
        self.record.units()
    }

    /// The statements that have ended so far, without BEGIN, COMMIT, ROLLBACK and savepoints. Those of
    /// [`look`](Self::look) are not among them.
    pub fn statements(&self) -> Statements {
        self.record.statements()
    }

    /// A handle that makes code on another runtime or thread a part of this test.
    pub fn handle(&self) -> TestHandle {
        TestHandle(Arc::clone(&self.context))
    }
}

/// Makes code that does not run on the test's runtime a part of the test.
#[derive(Debug, Clone)]
pub struct TestHandle(Arc<TestContext>);

impl TestHandle {
    /// Makes every annotated function that `future` calls use the test's database, on whatever runtime it runs. Tasks
    /// that it spawns belong to the test only on the test's own runtime.
    pub fn scope<T, R>(&self, future: T) -> FutureInScope<T, R>
    where
        T: RunsInScope<Output = R>,
    {
        task_context::in_scope_of_test(Arc::clone(&self.0), future)
    }
}
