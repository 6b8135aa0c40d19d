//! What a session and its driver tell each other. None of it has a public name:
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

/// Why the application's own pool gave no connection.
#[derive(Debug)]
#[doc(hidden)]
pub enum ForeignError {
    /// Its own timeout passed.
    TimedOut,
    /// It could not connect.
    Connect(ConnectError),
}

/// Gives an error diesel's kind for "run it all again", which diesel itself misses for a deadlock and for a
/// busy database.
pub(crate) fn as_conflict(error: Error) -> Error {
    match error {
        Error::DatabaseError(_, information) => {
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, information)
        }
        other => other,
    }
}

/// What travels ahead of a statement.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Ahead {
    /// A statement was dropped in mid-flight: cancel it and wait until the server is done with it.
    pub settle: bool,
    /// The text that begins the transaction.
    pub begin: Option<Cow<'static, str>>,
    /// SAVEPOINT and RELEASE, separated by semicolons.
    pub control: Option<String>,
    /// The same for the instrumentation.
    pub(crate) announced: Announced,
}

impl Ahead {
    /// All of it as one text. None when nothing has to be sent.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        // Where a transaction begins by itself, its text is empty.
        let begin = self.begin.as_ref().filter(|begin| !begin.is_empty());
        match (begin, &self.control) {
            (Some(begin), Some(control)) => Some([&**begin, "; ", control].concat().into()),
            (Some(begin), None) => Some(Cow::Borrowed(begin)),
            (None, Some(control)) => Some(control.into()),
            (None, None) => None,
        }
    }

    /// Nothing happens ahead.
    pub(crate) fn is_empty(&self) -> bool {
        !self.settle && self.begin.is_none() && self.control.is_none()
    }
}

/// The outcomes of what travelled ahead and of the statement.
#[derive(Debug)]
#[doc(hidden)]
pub struct Reply<T> {
    /// Of [`Ahead`]. When it is an error, the statement's result does not count.
    pub ahead: QueryResult<()>,
    /// Of the statement.
    pub result: QueryResult<T>,
    /// The statement failed before the database saw it, and a failed one is not to be committed over.
    pub unsent: bool,
}

impl<T> Reply<T> {
    /// What travelled ahead failed, the statement was not sent.
    pub(crate) fn not_sent(error: Error) -> Self {
        Self {
            ahead: Err(error),
            result: Err(Error::NotInTransaction),
            unsent: false,
        }
    }

    /// The same with its errors changed.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn map_err(self, change: impl Fn(Error) -> Error) -> Self {
        Self {
            ahead: self.ahead.map_err(&change),
            result: self.result.map_err(&change),
            unsent: self.unsent,
        }
    }

    pub(crate) fn of(result: QueryResult<T>) -> Self {
        Self {
            ahead: Ok(()),
            result,
            unsent: false,
        }
    }
}

/// What the server says about the current transaction.
#[derive(Debug, Clone)]
#[doc(hidden)]
pub enum Watched {
    /// The driver cannot see it (an application's own pool).
    Unknown,
    /// Open and usable.
    Open,
    /// It may not be the one that the session began: [`Driver::ask`](super::Driver::ask) finds out.
    InDoubt,
    /// A statement failed, the server will refuse to commit.
    Failed(Option<StatementError>),
    /// A transaction that was begun on the raw connection was left open there.
    Unbalanced,
    /// It is over, the session did not end it, and something ran behind its end.
    Parted(PartlyCommitted),
    /// It is over, and the session did not end it.
    Ended {
        /// By COMMIT.
        committed: bool,
        /// The error after which the server rolled back by itself.
        error: Option<StatementError>,
    },
}

/// What became of COMMIT.
#[derive(Debug)]
#[doc(hidden)]
pub enum CommitReply {
    /// The server said so.
    Committed,
    /// It answered with ROLLBACK, or there was nothing to commit any more.
    RolledBack(Option<StatementError>),
    /// It refused, and nothing is kept.
    Refused(StatementError),
    /// The connection was lost before COMMIT was sent, so nothing is kept.
    NotSent(StatementError),
    /// The transaction that it ended may not have been the session's.
    Parted(PartlyCommitted),
    /// No answer came.
    Unknown(StatementError),
}

/// Who has a connection once it is recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum GoesTo {
    /// Whoever borrows it.
    Anybody,
    /// The session that has it already, and waits for that.
    SameSession,
}

/// What became of a connection whose session is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Recovered {
    /// Rolled back, and as the next borrower expects it.
    Clean,
    /// Rolled back, and not to be used again.
    Spent,
    /// Nobody knows: closing the connection rolls back.
    Failed,
}

/// Whoever holds a link, and its slot in the pool.
#[doc(hidden)]
pub trait Owner<L> {
    /// The link.
    fn link(&mut self) -> &mut L;
}

/// What was under way when the session was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum Running {
    /// Nothing: the transaction is open and quiet.
    Nothing,
    /// A statement, the rest of its rows, or a ROLLBACK that may wait behind one.
    Statement,
    /// COMMIT: let it finish.
    End,
}

/// The outcomes of the last statement and of the COMMIT behind it.
#[derive(Debug)]
#[doc(hidden)]
pub struct Last {
    /// Of the statement.
    pub reply: Reply<usize>,
    /// Of COMMIT, if it was sent.
    pub commit: Option<CommitReply>,
}

/// Says whether COMMIT is on its way. Until then nothing can have been committed.
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

/// Ends a connection from outside of its session: cancels what runs and closes.
#[derive(Clone)]
pub struct Kill(pub(crate) Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Kill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kill")
    }
}
