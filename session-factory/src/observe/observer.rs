//! What an application can learn about its sessions: one trait, and the reports that it receives.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::statement_text::StatementText;
use crate::error::ConnectErrorKind;

/// Receives a report of each acquired connection, each statement, each unit of work and each change to a connection.
///
/// Every method has an empty body, so an observer implements what it needs. The crate calls an observer where the event
/// happens, on the thread that runs the session: a method must not block, and must not open a session of the same
/// factory. If a method panics, the crate contains the panic and reports it; the session goes on.
///
/// Reports contain no value: no bind, no literal of a statement's text, and no message of the
/// server, because a message may quote a value.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use session_factory::observe::{Observer, Outcome, UnitReport};
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl Observer for Failures {
///     fn ended(&self, unit: &UnitReport) {
///         if unit.outcome != Outcome::Committed {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// # #[cfg(feature = "sqlite")] {
/// # use session_factory::{Factory, session_factory};
/// # session_factory! { pub struct AppDb(Sqlite); }
/// # let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".to_owned())).unwrap();
/// let failures = Arc::new(Failures::default());
/// let factory = Factory::<AppDb>::new(config).observed_by(failures.clone());
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Called when a call has received a connection.
    fn acquired(&self, _acquired: &Acquired) {}

    /// Called when a statement has ended: its last row was read, it failed, or its caller dropped it.
    fn statement(&self, _statement: &StatementReport) {}

    /// Called when a unit of work has ended: a call of an annotated function with all its
    /// attempts, or a session that its caller opened.
    fn ended(&self, _unit: &UnitReport) {}

    /// Called when a connection was opened, failed to open, or was taken out of use.
    fn connection(&self, _event: &ConnectionEvent) {}
}

/// The function whose call a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Caller {
    /// The factory: `AppDb`.
    pub factory: &'static str,
    /// The annotated function; `create_session`, `with_session` or `session` where the caller used one of these.
    pub function: &'static str,
    /// The file that declares the function or calls `create_session`; empty for the crate's own calls.
    pub file: &'static str,
    /// The line in that file; 0 for the crate's own calls.
    pub line: u32,
}

impl Caller {
    pub(super) fn new(factory: &'static str, origin: &crate::call::Origin) -> Self {
        let (file, line) = origin.file_and_line().unwrap_or_default();
        Self {
            factory,
            function: origin.function(),
            file,
            line,
        }
    }
}

impl std::fmt::Display for Caller {
    /// `AppDb.rename (src/users.rs:40)`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.factory, self.function)?;
        if self.file.is_empty() {
            return Ok(());
        }
        write!(f, " ({}:{})", self.file, self.line)
    }
}

/// The pool that a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolKind {
    /// The pool of `url`, or the application's own pool.
    Primary,
    /// The pool of `replica_url`.
    Replica,
}

/// Reports that a call has received a connection.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Acquired {
    /// The call.
    pub caller: Caller,
    /// How long the call waited. Zero if the pool had an idle connection for it at once.
    pub waited: Duration,
    /// True if no session has used the connection before.
    pub created: bool,
    /// The connection's pool.
    pub pool: PoolKind,
}

/// Reports that a statement has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StatementReport {
    /// The call that ran it.
    pub caller: Caller,
    /// From sending the statement to its last row, including the time that the body takes between two rows.
    pub elapsed: Duration,
    /// Rows returned, or changed by a statement that returns none. `None` for a script and after a failure.
    pub rows: Option<u64>,
    /// How it ended.
    pub outcome: StatementOutcome,
    pub(super) text: Arc<StatementText>,
}

impl StatementReport {
    /// Returns the statement's SQL with placeholders for binds, and `?` in place of each literal.
    pub fn text(&self) -> &str {
        self.text.sanitized()
    }

    /// Returns the operation and the first table, such as `SELECT users`: few different values, for labels and spans.
    pub fn summary(&self) -> &str {
        self.text.summary()
    }

    /// True for SQL of one or several statements that `batch_execute` ran.
    pub fn is_script(&self) -> bool {
        self.text.is_script()
    }
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementOutcome {
    /// The database ran it.
    Ran,
    /// It failed. The text is the SQLSTATE on PostgreSQL, the error number on MySQL and MariaDB, and elsewhere a word
    /// such as `unique_violation` or `connection`.
    Failed(Cow<'static, str>),
    /// Its caller dropped it before it ended.
    Dropped,
}

impl StatementOutcome {
    /// Returns the outcome as words in a line of the log.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Ran => String::new(),
            Self::Failed(error) => format!(", and failed ({error})"),
            Self::Dropped => ", and was dropped before it ended".to_owned(),
        }
    }
}

/// How a unit of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The server has confirmed COMMIT.
    Committed,
    /// The work is rolled back.
    RolledBack,
    /// No answer came to COMMIT.
    Unknown,
    /// The body's SQL ended the transaction, and only a part of the work is committed.
    PartlyCommitted,
    /// The body returned `Ok`, but its transaction could no longer be committed: it is rolled back.
    Aborted,
    /// No statement ran.
    Nothing,
}

impl Outcome {
    /// Returns the word in spans and metrics: `committed`, `rolled_back`, `unknown`,
    /// `partly_committed`, `aborted` or `nothing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Unknown => "unknown",
            Self::PartlyCommitted => "partly_committed",
            Self::Aborted => "aborted",
            Self::Nothing => "nothing",
        }
    }
}

/// Reports that a unit of work has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnitReport {
    /// The call.
    pub caller: Caller,
    /// How its work ended. For a session that its caller opened: how its last transaction ended.
    pub outcome: Outcome,
    /// Why it failed, in a word: the SQLSTATE or error number of the last statement that failed, `acquire`, `connect`,
    /// `timeout`, `cancelled`, `panic`, or `_OTHER` for the body's own error. `None` if the call succeeded.
    pub error_type: Option<Cow<'static, str>>,
    /// How often the body ran: 0 if the call got no connection, more than 1 with `retry`.
    pub attempts: u32,
    /// Statements of all attempts, without BEGIN, COMMIT, ROLLBACK and savepoints.
    pub statements: u64,
    /// The sum of the waits for connections.
    pub waited: Duration,
    /// From the first connection to the end, without the time for COMMIT: the body, its statements, pauses between
    /// attempts.
    pub ran: Duration,
    /// How long COMMIT took. Zero without a COMMIT, and if the caller did not wait for its answer.
    pub committing: Duration,
    /// The number of hooks that were registered, and not dropped, when the unit ended. Those for its outcome then run.
    pub hooks: usize,
}

/// A change to a connection.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ConnectionEvent {
    /// The factory: `AppDb`.
    pub factory: &'static str,
    /// The connection's pool.
    pub pool: PoolKind,
    /// What happened.
    pub change: ConnectionChange,
    /// How long opening took. Zero for the other changes.
    pub took: Duration,
}

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionChange {
    /// It was opened.
    Opened,
    /// An attempt to open one failed.
    Failed(ConnectErrorKind),
    /// The pool closes it because of its age, its idleness or a demoted server.
    Recycled,
    /// The crate has reset what the connection's session had changed.
    Reset,
    /// The crate has cancelled what the connection's dropped session had left running.
    Cancelled,
    /// The connection's session ended without proof that the connection is clean, so the crate closes it.
    Condemned,
}

impl ConnectionChange {
    /// Returns the word in metrics: `opened`, `failed`, `recycled`, `reset`, `cancelled` or `condemned`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Failed(_) => "failed",
            Self::Recycled => "recycled",
            Self::Reset => "reset",
            Self::Cancelled => "cancelled",
            Self::Condemned => "condemned",
        }
    }
}
