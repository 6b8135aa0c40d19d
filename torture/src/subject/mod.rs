//! What is tried: the library, or a wrapper written by hand, behind one small trait.

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

/// The connections that a pool under torture may have: two, so that one that is lost is noticed and one
/// that is left dirty meets the next borrower.
pub(crate) const LIMIT: u32 = 2;

/// What the workloads' functions return.
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
    /// What the caller learns from this about its work.
    pub(crate) fn verdict(self) -> Verdict {
        let error = match self {
            // A session's error may have travelled through diesel's.
            Self::Query(error) => SessionError::from(error),
            Self::Session(error) => error,
            Self::Refused(_) => return Verdict::Failed,
        };
        match error {
            SessionError::PartlyCommitted(PartlyCommitted::EndedByBody(part)) => {
                Verdict::Partly(part)
            }
            // The caller is told to look for the effect.
            SessionError::CommitUnknown(_) | SessionError::PartlyCommitted(_) => Verdict::Unknown,
            SessionError::Query(_) => Verdict::Failed,
            SessionError::Aborted(aborted)
                if matches!(aborted.reason(), AbortReason::EndedByBody) =>
            {
                // What came before the end is as the body's statement left it.
                Verdict::Failed
            }
            _ => Verdict::RolledBack,
        }
    }
}

/// What a result tells its caller.
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
    /// Runs a body in a transaction of diesel's inside the one there is.
    fn transaction(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done>;
    /// Runs a body on the raw connection.
    fn raw(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done>;
    /// Commits; what follows is another transaction.
    fn commit(&mut self) -> BoxFuture<'_, Done>;
    /// Rolls back; what follows is another transaction.
    fn rollback(&mut self) -> BoxFuture<'_, Done>;
    /// From here on it can only be rolled back.
    fn set_rollback_only(&mut self);
    /// Notes in the journal that it was committed.
    fn after_commit(&mut self, unit: &Unit);
    /// Notes in the journal that it was rolled back.
    fn after_rollback(&mut self, unit: &Unit);
}

/// How a unit of work is begun, and by whom it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `#[with_session]` on `&mut Session<F>`.
    Annotated,
    /// The same, for reads: by hand they are made without a transaction.
    Read,
    /// An annotated function that calls another one's `_in`.
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
    /// The builder with a timeout that passes only when something is stuck.
    Timed,
    /// The builder with `run_detached`.
    Detached,
}

/// Whoever opens sessions.
pub(crate) trait Subject: Send + Sync {
    /// Runs a body as one unit of work.
    fn unit(&self, entry: Entry, unit: Unit, body: Body) -> BoxFuture<'_, Done>;

    /// Whose code the library calls from now on, where it belongs to no session: a provider of credentials.
    fn serves(&self, _case: Option<&Case>) {}

    /// Takes a connection, asks it, waits for all the others at the barrier, and gives it back.
    fn ask(&self, token: i64, all: Arc<Barrier>) -> BoxFuture<'_, Done<Answer>>;

    /// Whether no session is out, as far as it knows.
    fn is_quiet(&self) -> bool;

    /// Closes its connections, as far as it can.
    fn close(&self) -> BoxFuture<'_, ()>;
}
