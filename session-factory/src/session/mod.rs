//! The session: one connection, one transaction at a time, and its end on every path.

mod attempt;
mod awaited;
mod body;
mod builder;
mod commit;
mod commit_with;
pub(crate) mod contract;
mod detach;
mod diesel;
mod events;
#[cfg(feature = "testing")]
mod faults;
mod hooks;
pub(crate) mod names_of_other_libraries;
mod open;
mod recovery;
mod rollback;
mod run;
mod save;
pub(crate) mod savepoint;
mod state;
mod statement;
mod transaction;
mod transaction_manager;
mod transaction_state;
pub(crate) mod unit_of_work;
pub(crate) mod with_deadline;

use std::future::Future;

use ::diesel::connection::DynInstrumentation;

pub use self::body::{AsyncBody, AsyncBodyAgain};
pub use self::builder::{CommitOn, OnOk, Once, Retrying, SessionBuilder, When};
pub use self::contract::{CarriesSessionError, ReturnsResult, contract};
pub use self::run::Run;
pub use self::transaction_manager::SessionTransactionManager;

use self::hooks::Hooks;
use self::state::{Begin, SessionState};
use self::transaction_state::TransactionState;
use crate::call::{Hook, Origin, SessionOptions, TransactionOptions};
use crate::driver::{Driver, DriverConnection, RawConnection};
use crate::error::{SessionError, TransactionOutcome};
use crate::factory::SessionFactory;
use crate::observe::{self, Echo, SessionMonitor};
use crate::pool::Lease;

/// A database session: a pooled connection and, from the first statement on, a transaction.
///
/// It is a diesel-async connection: every diesel query runs on `&mut Session<AppDb>`. BEGIN is sent with
/// the first statement, in the same round trip; a session that runs nothing sends nothing.
///
/// `#[with_session]` and `with_session` end the session that they opened. The caller of `create_session()` ends its
/// session with [`commit`](Self::commit); a session that is dropped before that is rolled back. (If every statement
/// succeeded and some wrote, the crate reports the lost work and the place that opened the session: as a `tracing`
/// event with that feature, else on the standard error stream.)
///
/// # Cancellation
/// The caller may drop the session or the future that uses it at any time. A background task then cancels the
/// running statement on the server, rolls back, checks the connection and only then gives its permit back to the
/// pool.
///
/// When the body drops only one *statement's* future (a `select!` inside the body), the session cannot know whether
/// the statement took effect. It gives the transaction up: later statements fail with [`SessionError::Aborted`]
/// until [`rollback`](Self::rollback). Put the `select!` around a [`savepoint`](Self::savepoint) to lose only what
/// is inside.
pub struct Session<F: SessionFactory> {
    /// `None` once the session was closed.
    lease: Option<Lease<F::Driver>>,
    state: SessionState,
    hooks: Hooks,
    transaction_options: TransactionOptions,
    /// Set if the caller has to commit: where the caller opened the session.
    manual: Option<Origin>,
    transaction_state: TransactionState,
    /// The caller has set an instrumentation: SAVEPOINT and RELEASE are sent at once, for the instrumentation to see.
    observed: bool,
    no_instrumentation: DynInstrumentation,
    /// The test whose faults strike this session.
    #[cfg(feature = "testing")]
    test: Option<faults::Struck>,
}

impl<F: SessionFactory> std::fmt::Debug for Session<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("factory", &F::NAME)
            .field("in_transaction", &self.in_transaction())
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Session<F> {
    pub(crate) fn new(
        #[cfg_attr(not(feature = "testing"), allow(unused_mut))] mut lease: Lease<F::Driver>,
        #[cfg_attr(not(feature = "testing"), allow(unused_variables))] origin: &Origin,
        options: &SessionOptions,
        echo: Option<Echo>,
        monitor: Option<SessionMonitor>,
    ) -> Self {
        let begin = Begin {
            sql: F::Driver::begin_sql,
            options: options.transaction,
        };
        #[cfg(feature = "testing")]
        let test = faults::Struck::here(origin, &mut lease);
        Self {
            lease: Some(lease),
            state: SessionState::new(begin, echo, monitor),
            hooks: Hooks::default(),
            transaction_options: options.transaction,
            manual: None,
            transaction_state: TransactionState::default(),
            observed: false,
            no_instrumentation: DynInstrumentation::none(),
            #[cfg(feature = "testing")]
            test,
        }
    }

    /// Marks the session as one that its caller has to commit. `origin` is where it was opened.
    pub(crate) fn manual(mut self, origin: Origin) -> Self {
        self.manual = Some(origin);
        self.state.answer_for();
        self
    }

    /// Commits the transaction. The next statement begins another one. Hooks run at once, while the session still holds
    /// its connection: a hook that opens a session needs a second connection, and on a pool of one it waits for
    /// `pool_timeout` in vain. At the end of an annotated function, hooks run after the connection has gone back.
    ///
    /// # Errors
    /// - [`SessionError::Aborted`] when the transaction can only be rolled back: nothing is committed.
    /// - [`SessionError::Commit`] when the server refuses to commit: nothing is committed.
    /// - [`SessionError::CommitUnknown`] when the connection is lost before the server's answer.
    /// - [`SessionError::PartlyCommitted`] when a statement in the body ended the transaction and others ran after it.
    /// - [`SessionError::InSavepoint`] inside a savepoint: the call changes nothing.
    ///
    /// If the body ignores one of the first four and returns `Ok`, the call still fails with it, unless the body called
    /// [`rollback`](Self::rollback) afterwards.
    ///
    /// # Cancellation
    /// A COMMIT that was sent runs to its end on the server; the caller does not learn its outcome.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub fn commit(&mut self) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            self.outside_of_savepoints("commit")?;
            let committed = self.end_by_commit().await;
            if let Err(error) = &committed {
                self.state.lose(error);
            }
            self.state.note_result(&committed);
            self.hooks.over(TransactionOutcome::of(&committed)).await;
            committed
        }
    }

    /// Rolls back everything since the last commit. The next statement begins another transaction.
    ///
    /// If the caller dropped the future of a COMMIT that is still under way, `rollback` waits for it. If the server
    /// committed, nothing is left to roll back, and the `after_commit` hooks run.
    ///
    /// # Errors
    /// - [`SessionError::Rollback`] when the server does not confirm the rollback: the session closes the connection,
    ///   which ends the transaction on the server.
    /// - [`SessionError::PartlyCommitted`] when the body's SQL ended the transaction and no earlier error has said so.
    /// - [`SessionError::CommitUnknown`] when a COMMIT whose future was dropped got no answer.
    /// - [`SessionError::InSavepoint`] inside a savepoint: the call changes nothing. Return `Err` from the savepoint's
    ///   body to roll it back.
    ///
    /// # Cancellation
    /// Before its next statement, or when it is dropped itself, the session does what the dropped future left undone.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub fn rollback(&mut self) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            self.outside_of_savepoints("rollback")?;
            self.state.forget_loss();
            self.end_by_hand().await
        }
    }

    async fn end_by_hand(&mut self) -> Result<(), SessionError> {
        let rolled_back = self.end_by_rollback().await;
        if let Some(monitor) = &mut self.state.monitor {
            match &rolled_back {
                Ok(TransactionOutcome::RolledBack) => monitor.rolled_back_by_hand(),
                Ok(left) => monitor.left(*left),
                Err(error) => monitor.failed(error),
            }
        }
        let left = match &rolled_back {
            Ok(left) => *left,
            Err(SessionError::CommitUnknown(_) | SessionError::PartlyCommitted(_)) => {
                TransactionOutcome::Unknown
            }
            Err(_) => TransactionOutcome::RolledBack,
        };
        self.hooks.over(left).await;
        rolled_back.map(drop)
    }

    /// Refuses a call that would end the transaction while a savepoint is open in it.
    pub(super) fn outside_of_savepoints(&self, call: &'static str) -> Result<(), SessionError> {
        match self.innermost_savepoint() {
            Some(_) => Err(SessionError::InSavepoint(call)),
            None => Ok(()),
        }
    }

    /// Rolls back uncommitted work and gives the connection back to the pool.
    ///
    /// # Errors
    /// - [`SessionError::Rollback`] when the server does not confirm the rollback: the session closes the connection,
    ///   which ends the transaction on the server.
    /// - [`SessionError::PartlyCommitted`] when the body's SQL ended the transaction and no earlier error has said so.
    /// - [`SessionError::CommitUnknown`] when a COMMIT whose future was dropped got no answer.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub fn close(
        mut self, // Uses the session up. A session behind `&mut` ends with the call that opened it.
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            let rolled_back = self.end_by_hand().await;
            self.give_back();
            rolled_back
        }
    }

    /// Lets this transaction end only in a rollback: [`commit`](Self::commit) fails with [`SessionError::Aborted`], and
    /// so does the call of a body that returns `Ok`.
    ///
    /// For a dry run that ends in `Ok`, call [`rollback`](Self::rollback) at its end instead.
    pub fn set_rollback_only(&mut self) {
        self.state.set_rollback_only();
    }

    /// Returns this attempt's number: 1 at first, then one more each time `retry` runs the function again.
    pub fn attempt(&self) -> u32 {
        self.state.attempt()
    }

    /// Returns the lease's number, which no other lease has; `None` once the session was closed.
    fn number(&self) -> Option<u64> {
        self.lease.as_ref().map(Lease::number)
    }

    /// True from the first statement until commit or rollback.
    pub fn in_transaction(&self) -> bool {
        self.state.is_begun()
    }

    /// Runs `hook` after the transaction was committed, and before the annotated function returns.
    ///
    /// Hooks run after the outermost commit, one after another, in the order of their registration. At the end of an
    /// annotated function the connection has gone back by then, and a hook may open a session; after
    /// [`commit`](Self::commit) the session still holds its connection. The session drops a hook when the transaction,
    /// or the savepoint in which it was registered, is rolled back, and when the outcome is unknown
    /// ([`SessionError::CommitUnknown`], [`SessionError::PartlyCommitted`]). If a hook panics, the crate reports the
    /// panic; the other hooks run, and the work stays committed.
    ///
    /// # Cancellation
    /// If the caller is dropped while hooks run, the remaining hooks run in the background. If it is dropped while
    /// COMMIT is under way, the hooks run in the background once the server has confirmed the commit.
    pub fn after_commit(&mut self, hook: impl Hook<Future: Send + 'static>) {
        self.hooks.after_commit(Box::pin(hook.future()));
    }

    /// Runs `hook` after the transaction was rolled back, on every path. After a cancellation or a panic it runs in the
    /// background. If the outcome is unknown, the session drops the hook without running it.
    pub fn after_rollback(&mut self, hook: impl Hook<Future: Send + 'static>) {
        self.hooks.after_rollback(Box::pin(hook.future()));
    }

    /// Returns the raw connection, after beginning the transaction. `transaction()` on it opens a savepoint.
    ///
    /// On PostgreSQL its `notifications_stream()` never yields an item, its `cancel_token()` finds no host, and COPY to
    /// or from the client makes the session close the connection. Open a separate connection for these.
    ///
    /// # Errors
    /// - [`SessionError::Query`] when BEGIN fails.
    /// - [`SessionError::Aborted`] when the transaction can only be rolled back.
    /// - [`SessionError::PartlyCommitted`] when the body's SQL ended the transaction before.
    /// - [`SessionError::CommitUnknown`] while a COMMIT whose future was dropped is under way.
    ///
    /// # Cancellation
    /// The session does not notice when the caller drops a statement on the raw connection half-way. It still watches
    /// the server's answers, so it never commits over a failed statement.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    #[doc(alias("acquire", "get", "raw_connection"))]
    pub fn connection(
        &mut self,
    ) -> impl Future<Output = Result<&mut RawConnection<F::Driver>, SessionError>> + Send {
        async move {
            self.send_prelude().await?;
            let Some(lease) = &mut self.lease else {
                return Err(SessionError::Closed);
            };
            // The session would not see that the caller sets an instrumentation or a cache size: it assumes both.
            lease.instrumented();
            lease.recached();
            let connection = lease.connection();
            self.state.enter_raw();
            let entered = connection.enter_raw().await;
            // A statement on an earlier raw connection may have ended the transaction.
            let (connection, _) = self.parts()?;
            entered?;
            connection.raw().ok_or(SessionError::Closed)
        }
    }
}

impl<F: SessionFactory> Session<F> {
    /// True if a statement in the current transaction met a serialization failure, a deadlock or a busy database.
    fn met_conflict(&mut self) -> bool {
        let seen = self
            .lease
            .as_mut()
            .is_some_and(|lease| lease.connection().met_conflict());
        seen || self.state.met_conflict()
    }
}

impl<F: SessionFactory> Drop for Session<F> {
    fn drop(&mut self) {
        if let Some(origin) = &self.manual
            && let Some(lease) = &mut self.lease
            && self
                .state
                .is_worth_a_commit(lease.connection().has_written())
            && !std::thread::panicking()
        {
            observe::report(&format!(
                "the session that {origin} opened wrote and was dropped without commit(), so its work is \
                 rolled back; call db.commit().await to keep it, or db.rollback().await to say that this is meant"
            ));
        }
        recovery::hand_over(self.lease.take(), &mut self.state, &mut self.hooks);
    }
}
