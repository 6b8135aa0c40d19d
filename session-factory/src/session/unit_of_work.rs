//! One call of an annotated function: open the session, run the body, end the session, perhaps retry.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Session;
use crate::call::{Deadline, Origin, ReplicaPolicy, SessionOptions, task_context};
use crate::driver::Driver;
use crate::error::{
    AbortReason, Aborted, NestedError, SessionError, StatementError, TransactionOutcome,
};
use crate::factory::{Factory, SessionFactory};
use crate::observe::{BodyMonitor, SessionMonitor};
use crate::pool::Lease;

/// The session of a call, or of one attempt of a call with `retry`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unit<F: SessionFactory> {
    session: Session<F>,
    /// The session's number when it was opened, which shows whether the body has put another session in its place.
    number: Option<u64>,
    scope: Scope,
    /// What another attempt needs; `None` without `retry`.
    repeat: Option<Box<Repeat<F>>>,
}

/// What a body runs in: marks the task as having a session, and knows the deadline.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Scope {
    pub(super) identity: usize,
    pub(super) holder: Origin,
    pub(super) deadline: Option<Box<Deadline>>,
    /// `None` if nothing observes units of work.
    pub(super) monitor: Option<Arc<BodyMonitor>>,
}

#[derive(Debug)]
struct Repeat<F: SessionFactory> {
    factory: Factory<F>,
    options: SessionOptions,
    attempt: u32,
}

/// What follows an attempt.
pub(crate) enum Next<F: SessionFactory> {
    /// No further attempt: the session was committed or rolled back as asked, or the error says why not.
    Done(Result<(), SessionError>),
    /// Another attempt.
    Again(Box<Unit<F>>),
}

impl<F: SessionFactory> Unit<F> {
    /// Opens a session of the factory that applies here.
    ///
    /// # Errors
    /// The reason why the session cannot be opened.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub(crate) fn open(
        factory: impl FnOnce() -> Result<Factory<F>, SessionError> + Send,
        origin: Origin,
        options: SessionOptions,
    ) -> impl Future<Output = Result<Self, SessionError>> + Send {
        async move {
            let factory = factory()?;
            let mut scope = Scope {
                identity: factory.identity(),
                holder: origin,
                deadline: options
                    .timeout
                    .map(|limit| Box::new(Deadline::start(limit, !F::Driver::STOPS_STATEMENTS))),
                monitor: None,
            };
            let mut monitor = factory.monitor(&scope.holder);
            scope.monitor = monitor.as_ref().and_then(SessionMonitor::body);
            if let Err(nested) = check_nesting(&factory, &scope.holder, &options) {
                if let Some(monitor) = &mut monitor {
                    monitor.refused(&nested);
                }
                return Err(nested);
            }
            let deadline = scope.deadline.as_deref();
            let lease = factory
                .lease(&scope.holder, deadline, &options, &mut monitor)
                .await?;
            Ok(Self::attempt(factory, lease, scope, options, 1, monitor))
        }
    }

    fn attempt(
        factory: Factory<F>,
        lease: Lease<F::Driver>,
        mut scope: Scope,
        options: SessionOptions,
        attempt: u32,
        monitor: Option<SessionMonitor>,
    ) -> Self {
        let mut session = factory.on(lease, &scope.holder, &options, monitor);
        if let Some(deadline) = &mut scope.deadline {
            deadline.opened();
        }
        let repeat = options.retry.map(|retry| {
            session.state.set_attempt(attempt, retry.attempts());
            Box::new(Repeat {
                factory,
                options,
                attempt,
            })
        });
        Self {
            number: session.number(),
            session,
            scope,
            repeat,
        }
    }

    /// Returns what the body runs in.
    pub fn scope(&self) -> Scope {
        self.scope.clone()
    }

    /// Returns the session for the body.
    pub fn session(&mut self) -> &mut Session<F> {
        &mut self.session
    }

    /// Commits if `commit`, otherwise rolls back.
    ///
    /// # Errors
    /// Why the work could not be committed. Rolling back always succeeds, if need be by closing the connection.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub(crate) fn finish(
        &mut self,
        commit: bool,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            if let Some(unknown) = self.cut_short() {
                // The dropped session's recovery waits for COMMIT and runs the hooks that fit the outcome.
                let unknown = Err(unknown);
                self.session.state.note_over(&unknown);
                return unknown;
            }
            if commit {
                let committed = self.commit().await;
                self.session.state.note_over(&committed);
                self.leave(TransactionOutcome::of(&committed)).await;
                committed
            } else {
                self.roll_back().await;
                Ok(())
            }
        }
    }

    /// Like `finish`, and opens the next attempt's session if one is due.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub(crate) fn again(
        &mut self,
        commit: bool,
        failed: bool,
    ) -> impl Future<Output = Next<F>> + Send {
        async move {
            if let Some(unknown) = self.cut_short() {
                let unknown = Err(unknown);
                self.session.state.note_over(&unknown);
                return Next::Done(unknown);
            }
            if commit {
                let committed = self.commit().await;
                let due = match &committed {
                    Err(error) if error.is_transient() => self.due(),
                    _ => None,
                };
                if let Some(pause) = due {
                    self.session.state.note_result(&committed);
                    return self.repeat(pause).await;
                }
                self.session.state.note_over(&committed);
                self.leave(TransactionOutcome::of(&committed)).await;
                return Next::Done(committed);
            }
            if failed {
                Box::pin(self.session.note_end()).await;
            }
            let due = (failed && self.session.met_conflict()).then(|| self.due());
            if let Some(Some(pause)) = due {
                // If the rollback fails, the session closes the connection, which rolls back as well.
                let _closed_instead = self.session.end_by_rollback().await;
                return self.repeat(pause).await;
            }
            self.roll_back().await;
            Next::Done(Ok(()))
        }
    }

    /// Returns the pause before the next attempt, if there may be one.
    fn due(&self) -> Option<Duration> {
        let repeat = self.repeat.as_deref()?;
        // Another attempt would repeat what the body has committed by itself.
        if self.session.state.has_committed() {
            return None;
        }
        let pause = repeat.options.retry?.pause_after(repeat.attempt)?;
        let in_time = self
            .scope
            .deadline
            .as_deref()
            .is_none_or(|deadline| deadline.left() > pause);
        in_time.then_some(pause)
    }

    /// Gives the connection back, waits, and opens the next attempt's session.
    async fn repeat(&mut self, pause: Duration) -> Next<F> {
        let Some(repeat) = self.repeat.take() else {
            return Next::Done(Ok(()));
        };
        let mut scope = self.scope.clone();
        // The unit goes on with the next attempt's session.
        let mut monitor = self.session.state.monitor.take();
        if let Some(monitor) = &monitor {
            monitor.retried();
        }
        self.leave(TransactionOutcome::RolledBack).await;
        let Repeat {
            factory,
            options,
            attempt,
        } = *repeat;
        // Ignored: without the background runtime no connection can be opened either, and opening reports that.
        let _no_runtime = crate::runtime::within(async { sleep(pause).await }).await;
        if let Some(deadline) = &mut scope.deadline {
            deadline.again();
        }
        let deadline = scope.deadline.as_deref();
        // The replica's replay may have caused the conflict: the next attempt uses the primary, which has no replay.
        let opening = options.replica(ReplicaPolicy::Never);
        let lease = factory.lease(&scope.holder, deadline, &opening, &mut monitor);
        match Box::pin(lease).await {
            Ok(lease) => {
                let next = Self::attempt(factory, lease, scope, options, attempt + 1, monitor);
                Next::Again(Box::new(next))
            }
            Err(error) => Next::Done(Err(error)),
        }
    }

    /// Returns the error if the deadline passed while the body waited for the answer to its own COMMIT.
    fn cut_short(&self) -> Option<SessionError> {
        let late = self
            .scope
            .deadline
            .as_deref()
            .is_some_and(Deadline::has_expired);
        (late && self.session.state.is_committing()).then(|| self.unknown())
    }

    fn unknown(&self) -> SessionError {
        let function = self.scope.holder.in_full();
        SessionError::CommitUnknown(StatementError::connection(format!(
            "the timeout of {function} passed while it waited for the server's answer"
        )))
    }

    async fn commit(&mut self) -> Result<(), SessionError> {
        self.session.state.answer_for();
        if let Some(loss) = self.loss() {
            // Work after the loss is rolled back as well. If that fails, the session closes the connection.
            let _closed_instead = self.session.end_by_rollback().await;
            return Err(loss);
        }
        let Some(deadline) = self.scope.deadline.as_deref() else {
            return if self.session.leave_commit() {
                Ok(())
            } else {
                self.session.end_by_commit().await
            };
        };
        if deadline.has_expired() && self.session.in_transaction() {
            // Dropping the session rolls back.
            return Err(deadline.while_running(&self.scope.holder).into());
        }
        if self.session.leave_commit() {
            return Ok(());
        }
        let limit = deadline.left();
        // Boxed, because most calls have no deadline.
        let session = &mut self.session;
        let ending = Box::pin(async { timeout(limit, session.end_by_commit()).await });
        if let Ok(Ok(ended)) = crate::runtime::within(ending).await {
            return ended;
        }
        if self.session.state.is_committing() {
            Err(self.unknown())
        } else {
            Err(deadline.while_running(&self.scope.holder).into())
        }
    }

    /// Returns the error if some of the body's work is lost although the body returned `Ok`.
    fn loss(&self) -> Option<SessionError> {
        if self.session.number() != self.number {
            return Some(Aborted::new(AbortReason::Replaced).into());
        }
        self.session.state.loss()
    }

    async fn roll_back(&mut self) {
        let late = self
            .scope
            .deadline
            .as_deref()
            .is_some_and(Deadline::has_expired);
        let kept = self.session.state.is_committed_by_body();
        if let Some(monitor) = &mut self.session.state.monitor {
            monitor.rolled_back(late, kept);
        }
        if self.session.hooks.has_rollback_hooks() && !late {
            // The body's error says more than a rollback's error.
            Box::pin(self.session.note_end()).await;
            let left = match self.session.end_by_rollback().await {
                Err(SessionError::PartlyCommitted(_)) => TransactionOutcome::Unknown,
                _ if self.session.state.is_committed_by_body() => TransactionOutcome::Unknown,
                _closed_instead => TransactionOutcome::RolledBack,
            };
            self.leave(left).await;
        }
        // Without hooks the caller need not wait for the rollback: a background task does it.
        self.session.give_back();
    }

    /// Gives the connection back before it runs the hooks, which may be slow.
    async fn leave(&mut self, left: TransactionOutcome) {
        if self.session.state.is_ending() {
            // The deadline has passed: the recovery runs the hooks once it knows the outcome.
            return;
        }
        if !self.session.hooks.has_any() {
            self.session.give_back();
            return;
        }
        let mut hooks = std::mem::take(&mut self.session.hooks);
        self.session.give_back();
        hooks.over(left).await;
    }
}

/// Refuses a session inside another unless the caller asked for it and the pool has room for both.
fn check_nesting<F: SessionFactory>(
    factory: &Factory<F>,
    origin: &Origin,
    options: &SessionOptions,
) -> Result<(), SessionError> {
    let identity = factory.identity();
    let Some(holder) = task_context::holder(identity) else {
        return Ok(());
    };
    let limit = factory.limit();
    let exhausted = u32::try_from(task_context::held(identity)).is_ok_and(|held| held >= limit);
    if options.requires_new && !exhausted {
        return Ok(());
    }
    Err(NestedError {
        function: origin.function(),
        closure: origin.is_closure(),
        holder: holder.to_string(),
        exhausted: options.requires_new.then_some(limit),
    }
    .into())
}
