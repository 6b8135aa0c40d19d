//! The body returned `Ok`, but the session could not commit.

use std::fmt;

use super::advice::END_BY_HAND;
use super::advice::advice;
use super::{StatementError, StatementErrorKind};

/// Why a transaction whose body returned `Ok` was not committed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AbortReason {
    /// A statement failed, and the body continued without returning the error. PostgreSQL then
    /// aborts the whole transaction, and answers COMMIT with ROLLBACK.
    Statement(StatementError),
    /// The body dropped a statement's future before it finished (a `select!` or a timeout around it), so the session
    /// cannot know whether the statement took effect.
    StatementDropped,
    /// [`Session::set_rollback_only`](crate::Session::set_rollback_only) was called.
    RollbackOnly,
    /// A statement in the body ended the transaction (a raw `ROLLBACK`, or an error after which the database rolls back
    /// by itself).
    EndedByBody,
    /// The server refused a `COMMIT` (or `COMMIT AND CHAIN`, `PREPARE TRANSACTION`) that the body ran as raw SQL, for
    /// instance because of a deferred constraint, and the body did not return the error.
    CommitByBody(StatementError),
    /// The body began a savepoint and neither released it nor rolled it back.
    OpenSavepoint,
    /// The body called this function of diesel-async's `TransactionManager` without a matching `begin_transaction`, and
    /// did not return its error ([`SessionError::NotBegun`](crate::SessionError::NotBegun)).
    NotBegun(&'static str),
    /// The body replaced its session with another one (`std::mem::replace`), so the replaced
    /// session's work is lost.
    Replaced,
}

/// The body returned `Ok`, but its transaction could not be committed: it is rolled back, or a
/// statement in the body ended it. A savepoint's closure that leaves another savepoint open gets this
/// error as well; then only the closure's savepoint is rolled back.
#[derive(Debug, Clone)]
pub struct Aborted {
    pub(crate) reason: AbortReason,
    /// True if only a savepoint is rolled back, and the transaction continues.
    in_savepoint: bool,
}

impl Aborted {
    pub(crate) fn new(reason: AbortReason) -> Self {
        Self {
            reason,
            in_savepoint: false,
        }
    }

    /// The error for a savepoint that could not be released: its work is rolled back, and the
    /// transaction continues.
    pub(crate) fn in_savepoint(reason: AbortReason) -> Self {
        Self {
            reason,
            in_savepoint: true,
        }
    }

    /// Returns the reason.
    pub fn reason(&self) -> &AbortReason {
        &self.reason
    }

    /// Returns the error of the first failed statement, or of the body's raw `COMMIT`, if that is the reason.
    pub fn statement(&self) -> Option<&StatementError> {
        match &self.reason {
            AbortReason::Statement(error) | AbortReason::CommitByBody(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.in_savepoint {
            f.write_str("the savepoint cannot be released and is rolled back, and the transaction goes on: ")?;
        } else if !matches!(self.reason, AbortReason::EndedByBody) {
            f.write_str("the transaction cannot be committed and is rolled back: ")?;
        }
        match &self.reason {
            AbortReason::Statement(error) if error.message == StatementError::PANICKED => {
                write!(f, "{error}; {}", advice(error))
            }
            AbortReason::Statement(error) if error.kind == StatementErrorKind::Connection => write!(
                f,
                "a statement met a lost connection and its error was not returned ({error}); {}",
                advice(error)
            ),
            AbortReason::Statement(error) if error.kind == StatementErrorKind::Unsent => write!(
                f,
                "the client could not encode a statement, did not send it, and the error was not returned ({error}); {}",
                advice(error)
            ),
            AbortReason::Statement(error) => write!(
                f,
                "a statement failed and its error was not returned ({error}); {}",
                advice(error)
            ),
            AbortReason::StatementDropped => f.write_str(
                "the future of a statement was dropped before it finished; put the timeout or select! \
                 around the whole call, or around a db.savepoint(…) (not on MySQL, where it costs the whole transaction)",
            ),
            AbortReason::RollbackOnly => {
                f.write_str("set_rollback_only() or begin_test_transaction() was called")
            }
            AbortReason::EndedByBody => f.write_str(
                "the body ended its transaction with raw SQL (COMMIT or ROLLBACK): a COMMIT has kept what was before it, \
                 and all else is rolled back; use db.commit() or db.rollback() in place of raw SQL",
            ),
            AbortReason::CommitByBody(error) => write!(
                f,
                "the server refused the COMMIT that the body ran as raw SQL, and its error was not returned ({error}); \
                 return the error, and use db.commit() in place of raw SQL"
            ),
            AbortReason::OpenSavepoint if self.in_savepoint => f.write_str(
                "another savepoint was begun inside of it and neither released nor rolled back; end it by \
                 commit_transaction() or rollback_transaction(), or write db.savepoint(…)",
            ),
            AbortReason::OpenSavepoint => {
                f.write_str("a savepoint was begun and neither released nor rolled back")
            }
            AbortReason::NotBegun(call) => write!(
                f,
                "TransactionManager::{call}() was called for what begin_transaction() had not begun, and its error was not \
                 returned; {END_BY_HAND}"
            ),
            AbortReason::Replaced => f.write_str(
                "the body put another session in the place of the one it was given; use \
                 AppDb::create_session() beside it, not in its place",
            ),
        }
    }
}

impl std::error::Error for Aborted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.statement().map(|error| error as _)
    }
}

/// The server refused the COMMIT, for example because of a deferred constraint or a serialization
/// failure, or the connection was lost before COMMIT was sent.
#[derive(Debug, Clone)]
pub struct CommitError {
    error: StatementError,
    is_sent: bool,
}

impl CommitError {
    pub(crate) fn refused(error: StatementError) -> Self {
        Self {
            error,
            is_sent: true,
        }
    }

    pub(crate) fn not_sent(error: StatementError) -> Self {
        Self {
            error,
            is_sent: false,
        }
    }

    /// Returns the error that the server sent in answer to COMMIT, or with which the connection was lost.
    pub fn statement(&self) -> &StatementError {
        &self.error
    }

    pub(super) fn into_statement(self) -> StatementError {
        self.error
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_sent {
            "COMMIT failed, nothing was kept: "
        } else {
            "the connection was lost before COMMIT was sent, nothing was kept: "
        })?;
        self.error.fmt(f)
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
