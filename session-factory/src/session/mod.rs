//! The session: one connection, one transaction at a time, and its end on every path.

mod attempt;
mod awaited;
mod body;
pub(crate) mod bounded;
mod builder;
mod commit_with;
mod connection;
pub(crate) mod contract;
mod detach;
mod end;
mod events;
mod hooks;
mod loss;
mod open;
mod recovery;
mod save;
pub(crate) mod savepoint;
mod savepoints;
mod statement;
mod transaction;
mod transaction_state;
pub(crate) mod unit;
mod work;

use std::future::Future;

use diesel::connection::DynInstrumentation;

pub use self::body::{AsyncBody, AsyncBodyAgain};
pub use self::builder::{CommitOn, OnOk, Once, Retrying, SessionBuilder, When};
pub use self::contract::{CarriesSessionError, ReturnsResult, contract};
pub use self::transaction::SessionTransactionManager;

use self::hooks::Hooks;
use self::transaction_state::TransactionState;
use self::work::{Begin, Work};
use crate::call::{Origin, SessionOptions, TransactionOptions};
use crate::driver::Driver;
use crate::error::{SessionError, TransactionOutcome};
use crate::factory::SessionFactory;
use crate::observe::{self, Echo};
use crate::pool::Lease;

/// A database session: a connection out of the pool and, from the first statement on, a transaction.
///
/// It is a diesel-async connection: every diesel query runs on `&mut Session<AppDb>`. BEGIN is sent with
/// the first statement, in the same round trip; a session that runs nothing sends nothing.
///
/// A session that `#[with_session]` or `with_session` opened ends by itself. One from `create_session()`
/// is ended by [`commit`](Self::commit); dropped before that, it is rolled back. (If every statement
/// succeeded and some of them wrote, that is reported with the place that opened the session: as an event of
/// `tracing` with that feature, else on the standard error stream.)
///
/// # Cancellation
/// Whatever is dropped, the session itself or the future that uses it, a background task then cancels the
/// running statement on the server, rolls back, checks the connection and only then gives its slot back
/// to the pool.
///
/// When only the future of one *statement* is dropped (a `select!` inside the body), whether it took
/// effect is not known: the transaction is given up, and its other statements fail with
/// [`SessionError::Aborted`] until [`rollback`](Self::rollback). Put the `select!` around a
/// [`savepoint`](Self::savepoint) to lose only what is inside.
pub struct Session<F: SessionFactory> {
    /// None once the session was closed.
    lease: Option<Lease<F::Driver>>,
    work: Work,
    hooks: Hooks,
    transaction: TransactionOptions,
    /// For a session whose caller has to commit: where it was asked for.
    manual: Option<Origin>,
    transaction_state: TransactionState,
    /// The caller has set an instrumentation: SAVEPOINT and RELEASE do not wait for the next statement.
    observed: bool,
    no_instrumentation: DynInstrumentation,
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
        lease: Lease<F::Driver>,
        options: &SessionOptions,
        echo: Option<Echo>,
    ) -> Self {
        let begin = Begin {
            sql: F::Driver::begin_sql,
            options: options.transaction,
        };
        Self {
            lease: Some(lease),
            work: Work::new(begin, echo),
            hooks: Hooks::default(),
            transaction: options.transaction,
            manual: None,
            transaction_state: TransactionState::default(),
            observed: false,
            no_instrumentation: DynInstrumentation::none(),
        }
    }

    /// Makes it one whose caller has to commit.
    pub(crate) fn manual(mut self, origin: Origin) -> Self {
        self.manual = Some(origin);
        self.work.set_answered_for();
        self
    }

    /// Commits what was done. The next statement begins another transaction. Hooks run at once, while the
    /// session still holds its connection: one that opens a session of its own needs another connection, and on a
    /// pool of one it waits for `pool_timeout` in vain. At the end of an annotated function the connection is back.
    ///
    /// # Errors
    /// [`SessionError::Aborted`] when the transaction can only be rolled back, [`SessionError::Commit`]
    /// when the server refuses: nothing is kept then. [`SessionError::CommitUnknown`] when the connection
    /// is lost before the server's answer. [`SessionError::PartlyCommitted`] when a statement of the body ended the
    /// transaction and others ran behind that end. [`SessionError::InSavepoint`] inside a savepoint: nothing is done
    /// then.
    ///
    /// A body that swallows one of the first four does not end in `Ok`: what it lost is told again, unless
    /// [`rollback`](Self::rollback) was called after it.
    ///
    /// # Cancellation
    /// A COMMIT that was sent is left to finish; its outcome is not known to the caller.
    #[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
    pub fn commit(&mut self) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            self.outside_of_savepoints("commit")?;
            let committed = self.end_by_commit().await;
            if let Err(error) = &committed {
                self.work.lose(error);
            }
            self.hooks.over(TransactionOutcome::of(&committed)).await;
            committed
        }
    }

    /// Rolls back what was done since the last commit. The next statement begins another transaction.
    ///
    /// A COMMIT that is under way because its future was dropped is waited for: if it went through there is
    /// nothing to roll back, and the hooks of a commit run.
    ///
    /// # Errors
    /// [`SessionError::Rollback`] when the server does not confirm it: the connection is closed then,
    /// which ends the transaction there. [`SessionError::PartlyCommitted`] when SQL of the body ended the transaction
    /// before and no error has said so. [`SessionError::CommitUnknown`] when no answer came to a COMMIT whose future was
    /// dropped. [`SessionError::InSavepoint`] inside a savepoint, which is rolled back by
    /// returning `Err` from it: nothing is done then.
    ///
    /// # Cancellation
    /// What the dropped future had not done yet is done ahead of the next statement, or when the session is
    /// dropped.
    #[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
    pub fn rollback(&mut self) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            self.outside_of_savepoints("rollback")?;
            self.work.forget_loss();
            self.end_by_hand().await
        }
    }

    async fn end_by_hand(&mut self) -> Result<(), SessionError> {
        let rolled_back = self.end_by_rollback().await;
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

    /// What ends the transaction would pull it from under the savepoint's feet.
    pub(super) fn outside_of_savepoints(&self, call: &'static str) -> Result<(), SessionError> {
        match self.innermost_savepoint() {
            Some(_) => Err(SessionError::InSavepoint(call)),
            None => Ok(()),
        }
    }

    /// Rolls back what was not committed, and gives the connection back to the pool.
    ///
    /// # Errors
    /// [`SessionError::Rollback`] when the server does not confirm the rollback: the connection is closed then, which ends
    /// the transaction there. [`SessionError::PartlyCommitted`] when SQL of the body ended the transaction before and no
    /// error has said so. [`SessionError::CommitUnknown`] when no answer came to a COMMIT whose future was dropped.
    #[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
    pub fn close(mut self) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            let rolled_back = self.end_by_hand().await;
            self.give_back();
            rolled_back
        }
    }

    /// Makes this transaction one that can only be rolled back: [`commit`](Self::commit), and a body that
    /// returns `Ok`, give [`SessionError::Aborted`].
    ///
    /// For a dry run that ends in `Ok`, call [`rollback`](Self::rollback) at its end instead.
    pub fn set_rollback_only(&mut self) {
        self.work.set_rollback_only();
    }

    /// The number of this attempt: 1, and more when `retry` runs the function again.
    pub fn attempt(&self) -> u32 {
        self.work.attempt()
    }

    /// Tells sessions apart.
    fn number(&self) -> Option<u64> {
        self.lease.as_ref().map(Lease::number)
    }

    /// True from the first statement until commit or rollback.
    pub fn in_transaction(&self) -> bool {
        self.work.is_begun()
    }

    /// Runs `hook` after the transaction was committed, and before the annotated function returns.
    ///
    /// Hooks run one after another in the order in which they were registered, after the outermost commit. At the
    /// end of an annotated function the connection has gone back by then, and a hook may open a session of its own;
    /// after [`commit`](Self::commit) the session still holds it. A hook is dropped when
    /// the transaction, or the savepoint inside which it was registered, is rolled back, and when the
    /// outcome is unknown ([`SessionError::CommitUnknown`], [`SessionError::PartlyCommitted`]). A hook that panics
    /// is reported and keeps neither the others from running nor the work from being committed.
    ///
    /// # Cancellation
    /// When the caller is dropped while hooks run, the rest of them runs in the background. When it is
    /// dropped while COMMIT is under way, they run in the background once the server has said that it was
    /// committed.
    pub fn after_commit(&mut self, hook: impl Future<Output = ()> + Send + 'static) {
        self.hooks.after_commit(Box::pin(hook));
    }

    /// Runs `hook` after the transaction was rolled back, on whatever path. After a cancellation or a
    /// panic it runs in the background. When the outcome is unknown it does not run.
    pub fn after_rollback(&mut self, hook: impl Future<Output = ()> + Send + 'static) {
        self.hooks.after_rollback(Box::pin(hook));
    }

    /// The raw connection, with the transaction begun. `transaction()` on it is a savepoint.
    ///
    /// On PostgreSQL its `notifications_stream()` never gives anything, its `cancel_token()` finds no host, and COPY to or
    /// from the client costs the connection: open one of your own for these.
    ///
    /// # Errors
    /// [`SessionError::Query`] when BEGIN fails, [`SessionError::Aborted`] when the transaction can only be rolled back,
    /// [`SessionError::PartlyCommitted`] when SQL of the body ended it before, [`SessionError::CommitUnknown`] while a COMMIT
    /// whose future was dropped is under way.
    ///
    /// # Cancellation
    /// A statement on the raw connection that is dropped half-way is not known to the session; the server's
    /// answers are still watched, so a failed one cannot be committed over.
    #[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
    #[doc(alias("acquire", "get", "raw_connection"))]
    pub fn connection(
        &mut self,
    ) -> impl Future<Output = Result<&mut <F::Driver as Driver>::Connection, SessionError>> + Send
    {
        async move {
            self.send_prelude().await?;
            let Some(lease) = &mut self.lease else {
                return Err(SessionError::Closed);
            };
            // Nobody sees whether they are set on it.
            lease.instrumented();
            lease.recached();
            let link = lease.link();
            self.work.set_raw();
            let entered = F::Driver::enter_raw(link).await;
            // An earlier loan may have ended the transaction.
            let (link, _) = self.parts()?;
            entered?;
            F::Driver::connection(link).ok_or(SessionError::Closed)
        }
    }
}

impl<F: SessionFactory> Session<F> {
    /// A statement of the current transaction met a serialization failure, a deadlock or a busy database.
    fn met_conflict(&mut self) -> bool {
        let seen = self
            .lease
            .as_mut()
            .is_some_and(|lease| F::Driver::met_conflict(lease.link()));
        seen || self.work.met_conflict()
    }
}

impl<F: SessionFactory> Drop for Session<F> {
    fn drop(&mut self) {
        if let Some(origin) = &self.manual
            && let Some(lease) = &mut self.lease
            && self
                .work
                .is_worth_a_commit(F::Driver::has_written(lease.link()))
            && !std::thread::panicking()
        {
            observe::report(&format!(
                "the session that {origin} opened wrote and was dropped without commit(), so its work is \
                 rolled back; call db.commit().await to keep it, or db.rollback().await to say that this is meant"
            ));
        }
        recovery::hand_over(self.lease.take(), &mut self.work, &mut self.hooks);
    }
}
