//! Messages between a session and its driver. None of them has a public name:
//!
//! ```compile_fail,E0603
//! use session_factory::driver::Kill;
//! ```

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};

use crate::error::{ConnectError, PartlyCommitted, StatementError};
use crate::observe::Announced;

/// Why the external pool gave no connection.
#[derive(Debug)]
#[doc(hidden)]
pub enum ExternalError {
    /// The external pool's own timeout passed.
    TimedOut,
    /// The external pool could not connect.
    Connect(ConnectError),
}

/// Gives an error diesel's kind for a serialization failure, which tells callers that they may repeat the
/// transaction. diesel itself does not use that kind for a deadlock or a busy database.
pub(crate) fn as_conflict(error: Error) -> Error {
    match error {
        Error::DatabaseError(_, information) => {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, information)
        }
        other => other,
    }
}

/// What is sent ahead of a statement.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Prelude {
    /// True if the session dropped a statement in flight: the driver first cancels it, and waits until the
    /// server has ended it.
    pub settle: bool,
    /// The SQL that begins the transaction.
    pub begin: Option<Cow<'static, str>>,
    /// SAVEPOINT and RELEASE, separated by semicolons.
    pub control: Option<String>,
    /// The prelude as instrumentation events.
    pub(crate) announced: Announced,
}

impl Prelude {
    /// Returns the prelude as one SQL text, or `None` if there is nothing to send.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        // BEGIN's text is empty if the first statement begins the transaction.
        let begin = self.begin.as_ref().filter(|begin| !begin.is_empty());
        match (begin, &self.control) {
            (Some(begin), Some(control)) => Some([&**begin, "; ", control].concat().into()),
            (Some(begin), None) => Some(Cow::Borrowed(begin)),
            (None, Some(control)) => Some(control.into()),
            (None, None) => None,
        }
    }

    /// True if nothing precedes the statement.
    pub(crate) fn is_empty(&self) -> bool {
        !self.settle && self.begin.is_none() && self.control.is_none()
    }
}

/// The results of the prelude and of the statement.
#[derive(Debug)]
#[doc(hidden)]
pub struct Reply<T> {
    /// The prelude's result. If it is an error, ignore the statement's result.
    pub prelude: QueryResult<()>,
    /// The statement's result.
    pub result: QueryResult<T>,
    /// True if the statement failed before the database saw it. The session must not commit after
    /// such a failure.
    pub unsent: bool,
}

impl<T> Reply<T> {
    /// Returns the reply for a failed prelude, after which the statement was not sent.
    pub(crate) fn not_sent(error: Error) -> Self {
        Self {
            prelude: Err(error),
            result: Err(Error::NotInTransaction),
            unsent: false,
        }
    }

    /// Returns the same reply with changed errors.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn map_err(self, change: impl Fn(Error) -> Error) -> Self {
        Self {
            prelude: self.prelude.map_err(&change),
            result: self.result.map_err(&change),
            unsent: self.unsent,
        }
    }

    pub(crate) fn of(result: QueryResult<T>) -> Self {
        Self {
            prelude: Ok(()),
            result,
            unsent: false,
        }
    }
}

/// What the driver knows about the current transaction.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub enum TransactionStatus {
    /// The driver cannot know, because it has no protocol state (an external pool's connection).
    Unknown,
    /// A transaction is open and usable.
    Open,
    /// A transaction is open, but possibly not the session's: [`Driver::ask`](super::Driver::ask)
    /// finds out.
    InDoubt,
    /// A statement failed, so the server will refuse to commit.
    Failed(Option<StatementError>),
    /// The body began a transaction on the raw connection and left it open.
    Unbalanced,
    /// The body ended the transaction, and ran further statements afterwards.
    Parted(PartlyCommitted),
    /// The server refused COMMIT (or PREPARE TRANSACTION), and rolled the transaction back. Either the body sent that
    /// COMMIT, or the session did and its caller then dropped the future.
    Refused(StatementError),
    /// The transaction ended, but the session did not end it.
    Ended {
        /// True if it ended by COMMIT.
        committed: bool,
        /// The error after which the server rolled back by itself, if there was one.
        error: Option<StatementError>,
    },
}

/// COMMIT's outcome.
#[derive(Debug)]
#[doc(hidden)]
pub enum CommitOutcome {
    /// The server confirmed the commit.
    Committed,
    /// The server answered with ROLLBACK, or there was no transaction left to commit.
    RolledBack(Option<StatementError>),
    /// The server refused, so nothing is kept.
    Refused(StatementError),
    /// The connection was lost before COMMIT was sent, so nothing is kept.
    NotSent(StatementError),
    /// COMMIT may have ended a transaction that is not the session's.
    Parted(PartlyCommitted),
    /// No answer arrived.
    Unknown(StatementError),
}

/// The connection's next user after recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum GoesTo {
    /// The next borrower.
    Anybody,
    /// The session that already has it and waits for the recovery.
    SameSession,
}

/// A recovery's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum RecoveryOutcome {
    /// Rolled back, and ready for the next borrower.
    Clean,
    /// Rolled back, but the connection is not reusable.
    Spent,
    /// Unknown. The pool closes the connection, which rolls back.
    Failed,
}

/// The owner of a connection and its permit.
#[doc(hidden)]
pub trait Owner<C> {
    /// The connection.
    fn connection(&mut self) -> &mut C;
}

/// The work that was unfinished when the session was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Running {
    /// The transaction is open, and no request is unanswered.
    Nothing,
    /// A statement, the rest of its rows, or a ROLLBACK, which may have been sent after a statement.
    Statement,
    /// COMMIT, which must finish.
    End,
}

/// The outcomes of the last statement and of the COMMIT after it.
#[derive(Debug)]
#[doc(hidden)]
pub struct Last {
    /// The statement's outcome.
    pub reply: Reply<usize>,
    /// COMMIT's outcome, if COMMIT was sent.
    pub commit: Option<CommitOutcome>,
}

/// Set when COMMIT is sent. Until then, nothing can have been committed.
#[derive(Debug, Clone, Default)]
#[doc(hidden)]
pub struct CommitSent(Arc<AtomicBool>);

impl CommitSent {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Ends a connection from outside its session: cancels its statement and closes it.
#[derive(Clone)]
pub struct Kill(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Kill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kill")
    }
}
