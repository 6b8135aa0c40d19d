//! Errors: what went wrong with a session, in which state the work is, and what to do.

use std::fmt;
use std::time::Duration;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

use crate::config::ConfigError;

/// Everything that can go wrong with a session.
///
/// Each variant says in which state the work is: for every one but [`CommitUnknown`](Self::CommitUnknown)
/// the work is rolled back (or was never begun).
///
/// It converts from and to [`diesel::result::Error`], so a function that returns `QueryResult<T>` can be
/// annotated as it is. A `SessionError` that travelled through a diesel error comes back whole.
///
/// ```
/// use session_factory::SessionError;
/// let error = SessionError::from(diesel::result::Error::NotFound);
/// assert!(matches!(error, SessionError::Query(diesel::result::Error::NotFound)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Keys are missing or malformed: all of them are listed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No connection could be had from the pool.
    #[error(transparent)]
    Acquire(#[from] Box<AcquireError>),
    /// The task already holds a session of this factory.
    #[error(transparent)]
    Nested(#[from] NestedError),
    /// The body returned `Ok`, but its transaction could not be committed any more. Nothing was kept.
    #[error(transparent)]
    Aborted(#[from] Aborted),
    /// The server refused the COMMIT. Nothing was kept.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The connection died while COMMIT was under way: the work may be committed or not.
    #[error(
        "the connection was lost during COMMIT, so whether the work was committed is unknown: \
         look for its effect before doing it again ({0})"
    )]
    CommitUnknown(StatementError),
    /// ROLLBACK failed. The connection is closed, which ends the transaction on the server.
    #[error("ROLLBACK failed, the connection is closed instead ({0})")]
    Rollback(StatementError),
    /// The deadline of the call passed; the work is rolled back.
    #[error(transparent)]
    Timeout(#[from] TimeoutError),
    /// The factory was shut down, or the session closed.
    #[error("the session factory is shut down: no session can be opened or used any more")]
    Closed,
    /// A statement failed.
    #[error(transparent)]
    Query(DieselError),
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
            SessionError::Commit(error) => error.0.into(),
            other => DieselError::QueryBuilderError(Box::new(other)),
        }
    }
}

/// An error the database reported for a statement: kind, message and, where the server gives one, its
/// SQLSTATE, which diesel's own error drops.
#[derive(Debug, Clone)]
pub struct StatementError {
    pub(crate) kind: StatementErrorKind,
    pub(crate) message: String,
    pub(crate) sqlstate: Option<String>,
    pub(crate) detail: Option<String>,
}

/// diesel's kinds, which are not `Clone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementErrorKind {
    Unique,
    ForeignKey,
    Restrict,
    Exclusion,
    NotNull,
    Check,
    Serialization,
    ReadOnly,
    Connection,
    Unknown,
}

impl StatementError {
    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self {
            kind: StatementErrorKind::Connection,
            message: message.into(),
            sqlstate: None,
            detail: None,
        }
    }

    /// What the server said.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The five characters of SQLSTATE, such as `23505`. None on SQLite, and when the connection broke
    /// before the server said anything.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.kind == StatementErrorKind::ReadOnly
    }

    /// True when running the whole unit of work again may succeed: serialization failure, deadlock, a
    /// busy SQLite database.
    pub fn is_transient(&self) -> bool {
        self.kind == StatementErrorKind::Serialization
            || matches!(self.sqlstate(), Some("40001" | "40P01" | "55P03"))
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for StatementError {}

impl From<&DieselError> for StatementError {
    fn from(error: &DieselError) -> Self {
        use StatementErrorKind as Kind;
        let (kind, message, detail) = match error {
            DieselError::DatabaseError(kind, information) => (
                match kind {
                    DatabaseErrorKind::UniqueViolation => Kind::Unique,
                    DatabaseErrorKind::ForeignKeyViolation => Kind::ForeignKey,
                    DatabaseErrorKind::RestrictViolation => Kind::Restrict,
                    DatabaseErrorKind::ExclusionViolation => Kind::Exclusion,
                    DatabaseErrorKind::NotNullViolation => Kind::NotNull,
                    DatabaseErrorKind::CheckViolation => Kind::Check,
                    DatabaseErrorKind::SerializationFailure => Kind::Serialization,
                    DatabaseErrorKind::ReadOnlyTransaction => Kind::ReadOnly,
                    DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ClosedConnection => Kind::Connection,
                    _ => Kind::Unknown,
                },
                information.message().to_owned(),
                information.details().map(str::to_owned),
            ),
            other => (Kind::Unknown, other.to_string(), None),
        };
        Self {
            kind,
            message,
            sqlstate: None,
            detail,
        }
    }
}

impl DatabaseErrorInformation for StatementError {
    fn message(&self) -> &str {
        &self.message
    }
    fn details(&self) -> Option<&str> {
        self.detail.as_deref()
    }
    fn hint(&self) -> Option<&str> {
        None
    }
    fn table_name(&self) -> Option<&str> {
        None
    }
    fn column_name(&self) -> Option<&str> {
        None
    }
    fn constraint_name(&self) -> Option<&str> {
        None
    }
    fn statement_position(&self) -> Option<i32> {
        None
    }
}

impl From<StatementError> for DieselError {
    fn from(error: StatementError) -> Self {
        use StatementErrorKind as Kind;
        let kind = match error.kind {
            Kind::Unique => DatabaseErrorKind::UniqueViolation,
            Kind::ForeignKey => DatabaseErrorKind::ForeignKeyViolation,
            Kind::Restrict => DatabaseErrorKind::RestrictViolation,
            Kind::Exclusion => DatabaseErrorKind::ExclusionViolation,
            Kind::NotNull => DatabaseErrorKind::NotNullViolation,
            Kind::Check => DatabaseErrorKind::CheckViolation,
            Kind::Serialization => DatabaseErrorKind::SerializationFailure,
            Kind::ReadOnly => DatabaseErrorKind::ReadOnlyTransaction,
            Kind::Connection => DatabaseErrorKind::ClosedConnection,
            Kind::Unknown => DatabaseErrorKind::Unknown,
        };
        DieselError::DatabaseError(kind, Box::new(error))
    }
}

/// Why a transaction whose body returned `Ok` was rolled back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AbortReason {
    /// A statement failed and the body went on without passing the error to its caller. PostgreSQL gives
    /// up the whole transaction then; it would answer COMMIT with ROLLBACK.
    Statement(StatementError),
    /// The future of a statement was dropped before it finished (a `select!` or a timeout around it), so
    /// whether it took effect is not known.
    StatementDropped,
    /// [`Session::set_rollback_only`](crate::Session::set_rollback_only) was called.
    RollbackOnly,
    /// A statement of the body ended the transaction itself (a raw `ROLLBACK`, or an error after which
    /// the database rolls back by itself).
    EndedByBody,
    /// A savepoint was begun and neither released nor rolled back.
    OpenSavepoint,
}

/// The body returned `Ok`, but its transaction could not be committed: it is rolled back.
#[derive(Debug, Clone)]
pub struct Aborted {
    pub(crate) reason: AbortReason,
}

impl Aborted {
    pub(crate) fn new(reason: AbortReason) -> Self {
        Self { reason }
    }

    /// Why.
    pub fn reason(&self) -> &AbortReason {
        &self.reason
    }

    /// The error of the first statement that failed, when that is the reason.
    pub fn statement(&self) -> Option<&StatementError> {
        match &self.reason {
            AbortReason::Statement(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction is rolled back although its body returned Ok: ")?;
        match &self.reason {
            AbortReason::Statement(error) => write!(
                f,
                "a statement failed and its error was not returned ({error}); return the error, or run \
                 the statement inside db.savepoint(…)"
            ),
            AbortReason::StatementDropped => f.write_str(
                "the future of a statement was dropped before it finished; put the timeout or select! \
                 around a db.savepoint(…), or around the whole call",
            ),
            AbortReason::RollbackOnly => f.write_str("set_rollback_only() was called"),
            AbortReason::EndedByBody => f.write_str(
                "a statement of the body ended the transaction by itself; use db.rollback() or \
                 db.commit() instead of raw SQL",
            ),
            AbortReason::OpenSavepoint => {
                f.write_str("a savepoint was begun and neither released nor rolled back")
            }
        }
    }
}

impl std::error::Error for Aborted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.statement().map(|error| error as _)
    }
}

/// The server refused the COMMIT, for instance on a deferred constraint or a serialization failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error("COMMIT failed, nothing was kept: {0}")]
pub struct CommitError(#[source] pub(crate) StatementError);

impl CommitError {
    /// What the server said.
    pub fn statement(&self) -> &StatementError {
        &self.0
    }
}

/// The call did not end before its deadline. Its running statement is cancelled on the server.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{function} did not finish within {limit:?}: its running statement is cancelled and its work rolled back"
)]
pub struct TimeoutError {
    pub(crate) function: &'static str,
    pub(crate) limit: Duration,
}

impl TimeoutError {
    /// The limit that passed.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

/// A session was asked for in a task that already has one of the same factory.
///
/// The second would wait for a connection while the first holds one, and would not see the first one's
/// uncommitted rows.
#[derive(Debug, Clone)]
pub struct NestedError {
    pub(crate) function: &'static str,
    pub(crate) holder: String,
}

impl fmt::Display for NestedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{0} opens a session of its own inside {1}, which already has one: call {0}_in(db, …) to join \
             it, or write #[with_session(requires_new)] for a second, independent transaction",
            self.function, self.holder
        )
    }
}

impl std::error::Error for NestedError {}

/// One connection that is in use, as [`AcquireError`] and [`Status`](crate::Status) report it.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The function that holds it, with file and line.
    pub holder: String,
    /// For how long.
    pub held_for: Duration,
    /// Its session is gone: the connection is being cancelled, rolled back and checked.
    pub recovering: bool,
}

/// No connection could be had.
#[derive(Debug, Clone)]
pub struct AcquireError {
    pub(crate) factory: &'static str,
    pub(crate) key: &'static str,
    pub(crate) waited: Duration,
    pub(crate) limit: u32,
    pub(crate) open: u32,
    pub(crate) waiting: u32,
    pub(crate) holders: Vec<Holder>,
    pub(crate) connect: Option<ConnectError>,
    /// The connect error ended the wait, not the clock.
    pub(crate) at_once: bool,
}

impl AcquireError {
    /// How long the caller waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
    /// The most connections the pool may open: `pool_size` + `max_overflow`.
    pub fn limit(&self) -> u32 {
        self.limit
    }
    /// How many connections were open.
    pub fn open(&self) -> u32 {
        self.open
    }
    /// How many callers were waiting, this one included.
    pub fn waiting(&self) -> u32 {
        self.waiting
    }
    /// Who held the connections, the longest first.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }
    /// The last error of opening a connection, if the last attempt failed.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        self.connect.as_ref()
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (true, Some(connect)) = (self.at_once, &self.connect) {
            return write!(
                f,
                "{}: cannot connect to the database that {} names: {connect}",
                self.factory, self.key
            );
        }
        write!(
            f,
            "{}: no connection became free within {:?}: {} of at most {} are open, {} in use, {} callers wait",
            self.factory,
            self.waited,
            self.open,
            self.limit,
            self.holders.len(),
            self.waiting
        )?;
        for holder in self.holders.iter().take(5) {
            write!(
                f,
                "; {} {} {:?}",
                holder.holder,
                if holder.recovering {
                    "(its call is gone, the connection is being rolled back) since"
                } else {
                    "holds one since"
                },
                holder.held_for
            )?;
        }
        if self.holders.len() > 5 {
            write!(f, "; and {} more", self.holders.len() - 5)?;
        }
        if let Some(connect) = &self.connect {
            write!(
                f,
                "; the last attempt to open a connection ({}) failed: {connect}",
                self.key
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for AcquireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.connect.as_ref().map(|error| error as _)
    }
}

/// What kind of failure kept a connection from being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The URL says something that cannot be used.
    Url,
    /// The host name is not known.
    Dns,
    /// The host refused the connection or is not reachable.
    Refused,
    /// `connect_timeout` passed.
    TimedOut,
    /// The server does not accept the user or the password.
    Authentication,
    /// The database does not exist, or the file cannot be opened.
    Database,
    /// The server has no connection left for us.
    TooManyConnections,
    /// Encryption was asked for and could not be had.
    Tls,
    /// This machine has no threads, sockets or memory left.
    Resources,
    /// Anything else.
    Other,
}

/// A connection could not be opened. The text never holds a password.
#[derive(Debug, Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
    sqlstate: Option<String>,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            sqlstate: None,
        }
    }

    pub(crate) fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// What kind of failure.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The server's SQLSTATE, if it said one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// True when trying again cannot help until somebody changes something.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.kind,
            ConnectErrorKind::Url
                | ConnectErrorKind::Authentication
                | ConnectErrorKind::Database
                | ConnectErrorKind::Tls
        )
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}
