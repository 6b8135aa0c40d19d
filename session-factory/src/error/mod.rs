//! Errors: each says what failed, the state of the work, and what to do.

mod aborted;
mod acquire;
mod advice;
mod already_set;
mod connect;
mod nested;
mod observed_too_late;
mod partly;
mod statement;
mod timeout;
mod transaction_outcome;

use diesel::result::Error as DieselError;

pub use self::aborted::{AbortReason, Aborted, CommitError};
pub(crate) use self::acquire::Step;
pub use self::acquire::{AcquireError, Holder};
use self::advice::END_BY_HAND;
pub use self::already_set::AlreadySet;
pub use self::connect::{ConnectError, ConnectErrorKind};
pub use self::nested::NestedError;
pub use self::observed_too_late::ObservedTooLate;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use self::partly::AfterEnd;
pub use self::partly::{CommittedPart, PartlyCommitted};
pub use self::statement::StatementError;
pub(crate) use self::statement::StatementErrorKind;
pub use self::timeout::TimeoutError;
pub(crate) use self::transaction_outcome::TransactionOutcome;
use crate::config::ConfigError;

/// Everything that can go wrong with a session.
///
/// Each variant says whether the work was kept. After [`CommitUnknown`](Self::CommitUnknown),
/// [`PartlyCommitted`](Self::PartlyCommitted), [`RuntimeEnded`](Self::RuntimeEnded) and
/// [`InSavepoint`](Self::InSavepoint) it may have been kept. After all other variants, the work is rolled back
/// or was never begun. (Work that the body commits earlier, by `commit()` or a raw `COMMIT`, stays
/// committed.)
///
/// A `SessionError` converts from and to [`diesel::result::Error`], so a function that returns `QueryResult<T>`
/// can be annotated unchanged. A `SessionError` that is converted to a diesel error and back is the
/// same as before, except for [`Commit`](Self::Commit), which comes back as [`Query`](Self::Query),
/// because diesel has its own kinds for the server's error.
///
/// ```
/// use session_factory::SessionError;
/// let error = SessionError::from(diesel::result::Error::NotFound);
/// assert!(matches!(error, SessionError::Query(diesel::result::Error::NotFound)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Configuration keys are missing or malformed. The error lists all of them.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The pool gave no connection.
    #[error(transparent)]
    Acquire(#[from] Box<AcquireError>),
    /// The task already holds a session of this factory.
    #[error(transparent)]
    Nested(#[from] NestedError),
    /// The body returned `Ok`, but its transaction could no longer be committed: the session rolled it back, or a
    /// statement in the body had ended it ([`AbortReason::EndedByBody`]).
    #[error(transparent)]
    Aborted(#[from] Aborted),
    /// The server refused the COMMIT, or the connection was lost before COMMIT was sent. Nothing was committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The connection was lost, or the call's deadline passed, after COMMIT was sent: the work may
    /// be committed or not.
    #[error(
        "no answer came to COMMIT, so whether the work was committed is unknown: \
         look for its effect before doing it again ({0})"
    )]
    CommitUnknown(StatementError),
    /// Only a part of the work was committed.
    #[error(transparent)]
    PartlyCommitted(#[from] PartlyCommitted),
    /// ROLLBACK failed. The session closed the connection, which ends the transaction on the server.
    #[error("ROLLBACK failed, the connection is closed instead ({0})")]
    Rollback(StatementError),
    /// The caller called `commit()` or `rollback()` inside a savepoint, which is a part of the transaction. The call
    /// changed nothing: the transaction and the savepoint are as they were.
    #[error(
        "{0}() was called inside a savepoint (a db.savepoint(…), db.transaction(…) or #[with_session(savepoint)] \
         function) and would end the transaction around it: nothing was done; return Ok or Err to end the savepoint, \
         and call {0}() outside of it"
    )]
    InSavepoint(&'static str),
    /// The caller called this function of diesel-async's `TransactionManager` without a matching `begin_transaction`.
    /// The call would have ended the session's transaction or a closure's savepoint, so the session sent nothing. The
    /// closure's savepoint, or the transaction if no savepoint is open, can now only be rolled back.
    #[error(
        "TransactionManager::{0}() was called, and begin_transaction() has not begun what it would have ended: nothing was \
         sent, and what is open can only be rolled back; {END_BY_HAND}"
    )]
    NotBegun(&'static str),
    /// The call's deadline passed; the work is rolled back.
    #[error(transparent)]
    Timeout(#[from] TimeoutError),
    /// The factory was shut down, and opens no more sessions.
    #[error("the session factory is shut down: no session can be opened or used any more")]
    Closed,
    /// A detached call's runtime ended before the call did. Work that the call had not committed by
    /// then is rolled back.
    #[error(
        "the runtime in which a detached call ran ended before the call did: what the call had not committed by then is \
         rolled back; look for its effect before doing it again, and call Factory::shutdown before the runtime ends"
    )]
    RuntimeEnded,
    /// A statement failed.
    #[error(transparent)]
    Query(DieselError),
}

impl SessionError {
    /// True if another attempt at the unit of work may succeed: after a serialization failure, a
    /// deadlock or a busy SQLite database. `retry` uses this method, and also the errors that the
    /// session itself saw, because the application may have wrapped them. Always false for
    /// [`CommitUnknown`](Self::CommitUnknown) and [`PartlyCommitted`](Self::PartlyCommitted).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Commit(error) => error.statement().is_transient(),
            Self::Aborted(error) => error.statement().is_some_and(StatementError::is_transient),
            Self::Query(error) => StatementError::from(error).is_transient(),
            _ => false,
        }
    }
}

impl From<DieselError> for SessionError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::QueryBuilderError(inner) => match inner.downcast::<SessionError>() {
                Ok(session) => *session,
                Err(inner) => Self::Query(DieselError::QueryBuilderError(inner)),
            },
            other => Self::Query(other),
        }
    }
}

impl From<SessionError> for DieselError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Query(error) => error,
            SessionError::Commit(error) => error.into_statement().into(),
            other => DieselError::QueryBuilderError(Box::new(other)),
        }
    }
}
