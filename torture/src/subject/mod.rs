//! The tested code, behind a small trait: the library, or a hand-written wrapper.

mod answer;
pub(crate) mod ours;
mod plain;
mod queries;
mod session;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use session_factory::{AbortReason, PartlyCommitted, SessionError, session_factory};
use tokio::sync::Barrier;

pub(crate) use self::answer::{Answer, question};
pub(crate) use self::plain::{Extras, Lite, Plain};
pub(crate) use self::queries::{Queries, Row};
use crate::case::{Case, Unit, Verdict};

session_factory! {
    /// The PostgreSQL database under torture.
    pub struct PgDb(Postgres);
}

session_factory! {
    /// The MySQL database under torture.
    pub struct MyDb(Mysql);
}

session_factory! {
    /// The SQLite database under torture.
    pub struct LiteDb(Sqlite);
}

/// The limit of a tested pool's connections. It is two, so that a lost connection is noticed, and a
/// dirty one reaches the next borrower.
pub(crate) const LIMIT: u32 = 2;

/// The result of the workloads' functions.
pub(crate) type Done<T = ()> = Result<T, Failure>;

/// The body of a unit of work.
pub(crate) type Body = for<'a> fn(&'a mut dyn Db, Unit) -> BoxFuture<'a, Done>;

/// Why a unit failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("{0}")]
    Refused(&'static str),
}

impl Failure {
    /// What the caller learns from this about its transaction.
    pub(crate) fn verdict(self) -> Verdict {
        let error = match self {
            // A session's error may be inside one of diesel's errors.
            Self::Query(error) => SessionError::from(error),
            Self::Session(error) => error,
            Self::Refused(_) => return Verdict::Failed,
        };
        match error {
            SessionError::PartlyCommitted(PartlyCommitted::EndedByBody(part)) => {
                Verdict::Partly(part)
            }
            // The error advises the caller to check the effect.
            SessionError::CommitUnknown(_) | SessionError::PartlyCommitted(_) => Verdict::Unknown,
            SessionError::Query(_) => Verdict::Failed,
            SessionError::Aborted(aborted)
                if matches!(aborted.reason(), AbortReason::EndedByBody) =>
            {
                // Rows before the end are as the body's statement left them.
                Verdict::Failed
            }
            _ => Verdict::RolledBack,
        }
    }
}

/// What a caller learns from a result.
pub(crate) fn verdict(result: Done) -> Verdict {
    match result {
        Ok(()) => Verdict::Committed,
        Err(failure) => failure.verdict(),
    }
}

/// A database handle in the middle of a unit of work.
pub(crate) trait Db: Queries {
    /// Runs a body inside a savepoint.
    fn savepoint(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done>;
    /// Runs a body in one of diesel's nested transactions.
    fn transaction(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done>;
    /// Runs a body on the raw connection.
    fn raw(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done>;
    /// Commits. Later statements belong to another transaction.
    fn commit(&mut self) -> BoxFuture<'_, Done>;
    /// Rolls back. Later statements belong to another transaction.
    fn rollback(&mut self) -> BoxFuture<'_, Done>;
    /// Marks the transaction: it can only be rolled back.
    fn set_rollback_only(&mut self);
    /// Registers a hook that records the commit in the journal.
    fn after_commit(&mut self, unit: &Unit);
    /// Registers a hook that records the rollback in the journal.
    fn after_rollback(&mut self, unit: &Unit);
}

/// How a unit of work begins, and who ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `#[with_session]` on `&mut Session<F>`.
    Annotated,
    /// Like `Annotated`, for reads; the hand-written wrapper reads without a transaction.
    Read,
    /// An annotated function that calls another function's `_in` form.
    Joined,
    /// `#[with_session(F)]` on the backend's own connection.
    Connection,
    /// `factory.with_session(async |db| …)`.
    Closure,
    /// `create_session()`, then `commit()`.
    Manual,
    /// `create_session()`, then dropped.
    Forgotten,
    /// `create_session()`, then `close()`.
    Closed,
    /// The builder with `retry(3)`.
    Retried,
    /// The builder with a timeout that expires only if a call hangs.
    Timed,
    /// The builder with `run_detached`.
    Detached,
}

/// Opens sessions.
pub(crate) trait Subject: Send + Sync {
    /// Runs a body as one unit of work.
    fn unit(&self, entry: Entry, unit: Unit, body: Body) -> BoxFuture<'_, Done>;

    /// Sets the case whose credential provider the library calls from now on.
    fn serves(&self, _case: Option<&Case>) {}

    /// Borrows a connection, asks it, waits for all other borrowers at the barrier, and returns it.
    fn ask(&self, token: i64, all: Arc<Barrier>) -> BoxFuture<'_, Done<Answer>>;

    /// True if no session is open, as far as the subject knows.
    fn is_quiet(&self) -> bool;

    /// Closes its connections, as far as it can.
    fn close(&self) -> BoxFuture<'_, ()>;
}
