//! What the server has reported about its session: the open transaction, and what a borrower has changed.
//!
//! Each OK packet carries status flags, and lists what changed since the previous one (`CLIENT_SESSION_TRACK`). So the
//! driver parses no SQL to learn how a transaction ended. Where the flags leave a doubt, a savepoint and the server's
//! counters of COMMIT and ROLLBACK decide: see [`SessionState::suspicion`].

use std::sync::Arc;

use mysql_common::constants::{SessionStateType, StatusFlags};
use mysql_common::packets::OkPacket;

use super::error_code;
use crate::driver::TransactionStatus;
use crate::error::{AfterEnd, CommittedPart, PartlyCommitted, StatementError};
use crate::observe::ServerErrors;
use crate::sync::Mutex;

/// How a transaction ended, other than by the session's own COMMIT or ROLLBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum End {
    Commit,
    Rollback,
    /// By COMMIT or by ROLLBACK: the server does not say which.
    Unseen,
}

/// What an application's statement may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Nature {
    /// It reads or changes rows, and leaves nothing else behind.
    Plain,
    /// Like `Plain`, but it may also leave a user variable, a named lock or `LAST_INSERT_ID` behind.
    Traces,
    /// A SQL text, or a statement of any other kind. It may do anything, such as end the transaction.
    Opaque,
}

/// What the driver saw while an application's statement ran.
#[derive(Debug)]
struct Statement {
    nature: Nature,
    /// True if a transaction was open before the statement.
    was_open: bool,
    /// True if the server reported a change of the session's state while the statement ran.
    flagged: bool,
    /// How many of the statement's parts began with an open transaction and ended without one.
    ends: u32,
    /// How many of the statement's parts (the statements of a text) succeeded.
    parts: u32,
    /// True if rows were changed after the statement had first ended a transaction.
    rows_behind: bool,
    error: Option<StatementError>,
    /// The answer to [`Purpose::ReleaseMark`]: true if the transaction is the same one. It is stored here, because the
    /// future that asked may be dropped, and the mark can be released only once.
    is_same: Option<bool>,
}

/// Why a command is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// The application runs the command.
    Users,
    /// The driver runs the command for itself.
    Drivers,
    /// The driver asks whether the transaction that it marked is still open.
    ReleaseMark,
}

/// A question that the driver has to ask the server before the next statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Suspicion {
    /// A statement failed: is the transaction still open?
    Failed,
    /// A flag says that the session changed: is the transaction the same one?
    Flagged,
    /// The transaction ended: by COMMIT or by ROLLBACK?
    Ended,
}

/// The server's counters of statements that end transactions.
#[derive(Debug, Default, Clone, Copy)]
pub(in super::super) struct Counters {
    pub(in super::super) commits: u64,
    pub(in super::super) rollbacks: u64,
    /// Statements that run other statements, such as CALL.
    pub(in super::super) nested: u64,
    /// Rollbacks by storage engines, including those of single failed statements.
    pub(in super::super) undone: u64,
}

/// The last error that the server reported.
#[derive(Debug, Default)]
pub(in super::super) struct LastError(Mutex<Option<StatementError>>);

impl ServerErrors for LastError {
    fn last_error(&self) -> Option<StatementError> {
        self.0.lock().clone()
    }
}

/// The connection's progress through its startup.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Opened,
    LoggedIn,
    /// Set up: every later change is a borrower's.
    Ready,
}

/// What a borrower has changed.
#[derive(Debug, Default)]
struct Changes {
    /// True if the next borrower would not find the session as this borrower did.
    any: bool,
    schema: bool,
    /// True if statements were prepared under a schema or a mode that has changed since.
    prepared_is_stale: bool,
}

/// The server's Galera cluster. A node may roll back by itself, and reports that only in reply to a later command.
#[derive(Debug, Default)]
struct Cluster {
    is_node: bool,
    /// True if the node has lost its cluster, or has not caught up with it.
    is_alone: bool,
    /// True if something was rolled back since the counters were last read.
    undone: bool,
}

/// The transaction since [`begin_watch`](SessionState::begin_watch).
#[derive(Debug, Default)]
struct Transaction {
    met_conflict: bool,
    has_written: bool,
    /// True if its savepoints were lost with it, or with a transaction that contained only savepoints.
    lost_savepoints: bool,
    ended: Option<End>,
    fatal: Option<StatementError>,
    after_end: WorkAfterEnd,
}

/// What the body did after the transaction had ended.
#[derive(Debug, Default)]
struct WorkAfterEnd {
    /// True if rows were changed, and are neither committed nor rolled back yet.
    is_open: bool,
    became: AfterEnd,
}

#[derive(Debug)]
pub(in super::super) struct SessionState {
    phase: Phase,
    /// The status flags of the last OK packet.
    status: StatusFlags,
    /// True if the open transaction has changed rows.
    writes: bool,
    changes: Changes,
    cluster: Cluster,
    last_error: Arc<LastError>,
    statement: Option<Statement>,
    counted: Counters,
    transaction: Transaction,
}

impl Default for SessionState {
    fn default() -> Self {
        Self {
            phase: Phase::default(),
            status: StatusFlags::empty(),
            writes: false,
            changes: Changes::default(),
            cluster: Cluster::default(),
            last_error: Arc::default(),
            statement: None,
            counted: Counters::default(),
            transaction: Transaction::default(),
        }
    }
}

impl SessionState {
    pub(in super::super) fn logged_in(&mut self) {
        self.phase = Phase::LoggedIn;
    }

    pub(in super::super) fn is_logged_in(&self) -> bool {
        self.phase != Phase::Opened
    }

    /// Call when the connection is as every borrower expects it: after startup, and after a reset.
    pub(in super::super) fn is_ready(&mut self) {
        self.phase = Phase::Ready;
        self.changes = Changes::default();
        self.statement = None;
        self.counted = Counters::default();
    }

    /// Sets whether the server is a node of a Galera cluster.
    pub(in super::super) fn is_of_cluster(&mut self, is: bool) {
        self.cluster.is_node = is;
    }

    pub(in super::super) fn is_clustered(&self) -> bool {
        self.cluster.is_node
    }

    /// True if the counters must be read before the next statement, to distinguish its rollbacks from earlier ones.
    pub(in super::super) fn lacks_baseline(&self) -> bool {
        self.cluster.is_node && self.cluster.undone
    }

    pub(in super::super) fn has_baseline(&mut self, now: Counters) {
        self.counted = now;
        self.cluster.undone = false;
    }

    /// Call before a statement of this nature is sent.
    pub(in super::super) fn announce(&mut self, nature: Nature) {
        self.changes.any |= nature != Nature::Plain;
        self.statement = Some(Statement {
            nature,
            was_open: self.in_transaction(),
            flagged: false,
            ends: 0,
            parts: 0,
            rows_behind: false,
            error: None,
            is_same: None,
        });
    }

    /// Call when an application's statement was sent. Announces it as `Plain` if no caller announced it.
    pub(super) fn statement_sent(&mut self) {
        if self.statement.is_none() {
            self.announce(Nature::Plain);
        }
    }

    /// Processes an OK packet. True if another result follows in the same reply.
    pub(super) fn done(&mut self, ok: &OkPacket<'_>, purpose: Purpose) -> bool {
        let status = ok.status_flags();
        let before = self.in_transaction();
        self.status = status;
        let flagged = status.contains(StatusFlags::SERVER_SESSION_STATE_CHANGED);
        if flagged && self.phase == Phase::Ready {
            self.changed(ok);
        }
        self.writes &= self.in_transaction();
        let is_open = self.in_transaction();
        let Some(statement) = &mut self.statement else {
            return status.contains(StatusFlags::SERVER_MORE_RESULTS_EXISTS);
        };
        if purpose == Purpose::ReleaseMark {
            statement.is_same = Some(true);
        }
        if purpose == Purpose::Users {
            // A function that a SELECT calls may change rows; only `writes` shows that.
            let wrote = ok.affected_rows() > 0 || self.writes;
            statement.flagged |= flagged;
            statement.parts += 1;
            statement.rows_behind |= statement.ends > 0 && wrote;
            statement.ends += u32::from(before && !is_open);
            self.transaction.has_written |= wrote;
            self.transaction.after_end.is_open |= self.transaction.ended.is_some() && wrote;
        }
        status.contains(StatusFlags::SERVER_MORE_RESULTS_EXISTS)
    }

    fn changed(&mut self, ok: &OkPacket<'_>) {
        let Ok(changes) = ok.session_state_info() else {
            self.changes.any = true;
            self.changes.prepared_is_stale = true;
            return;
        };
        for change in changes {
            match change.data_type() {
                SessionStateType::SESSION_TRACK_SCHEMA => {
                    self.changes.schema = true;
                    self.changes.prepared_is_stale = true;
                    self.changes.any = true;
                }
                SessionStateType::SESSION_TRACK_SYSTEM_VARIABLES => {
                    self.changes.prepared_is_stale = true;
                    self.changes.any = true;
                }
                SessionStateType::SESSION_TRACK_STATE_CHANGE => self.changes.any = true,
                // One letter for each thing the transaction did: `W` for a write, `w` for one that cannot be undone.
                SessionStateType::SESSION_TRACK_TRANSACTION_STATE => {
                    self.writes = change
                        .data_ref()
                        .iter()
                        .any(|letter| matches!(letter, b'W' | b'w'));
                }
                _ => {}
            }
        }
    }

    /// Processes an error packet.
    pub(super) fn failed(&mut self, error: &StatementError, purpose: Purpose) {
        self.cluster.undone = true;
        if purpose == Purpose::ReleaseMark
            && let Some(statement) = &mut self.statement
        {
            statement.is_same = Some(false);
            if error.code != Some(error_code::NO_SUCH_SAVEPOINT) {
                // For instance, a node has lost its cluster: what ended the transaction is unknown.
                statement.error = Some(error.clone());
            }
        }
        if purpose != Purpose::Users && error.code.is_some_and(error_code::rolls_back) {
            // A Galera node reports a lost conflict in reply to the next command, whichever that is.
            self.was_aborted(error.clone());
        }
        if purpose == Purpose::Users {
            self.transaction.met_conflict |= error.is_transient();
            if let Some(statement) = &mut self.statement {
                statement.error = Some(error.clone());
            }
        }
        self.cluster.is_alone |= error.code.is_some_and(error_code::is_alone);
        *self.last_error.0.lock() = Some(error.clone());
    }

    /// Returns the question that the last statement's flags leave open; `None` if they leave none.
    pub(in super::super) fn suspicion(&mut self) -> Option<Suspicion> {
        let statement = self.statement.as_ref()?;
        if statement.ends > 0 {
            return Some(Suspicion::Ended);
        }
        if let Some(error) = &statement.error {
            let rolled_back = error.code.is_some_and(error_code::rolls_back);
            if statement.was_open || self.in_transaction() || statement.nature == Nature::Opaque {
                return Some(Suspicion::Failed);
            }
            if rolled_back {
                // It was the transaction's first statement, so only its own work was rolled back.
                let error = error.clone();
                self.statement = None;
                self.ends(End::Rollback, Some(error));
                return None;
            }
        } else if statement.nature == Nature::Opaque && statement.flagged {
            return Some(Suspicion::Flagged);
        }
        self.statement = None;
        None
    }

    /// Call when the transaction is known to be the same as before the statement.
    pub(in super::super) fn is_the_same(&mut self) {
        self.statement = None;
    }

    /// Returns whether the mark was still there; `None` if the server has not answered that.
    pub(in super::super) fn found_mark(&self) -> Option<bool> {
        self.statement.as_ref()?.is_same
    }

    /// True if a transaction was open before the last statement or within it, and none is open after it.
    pub(in super::super) fn is_gone(&self) -> bool {
        let was_open = |statement: &Statement| statement.was_open || statement.ends > 0;
        !self.in_transaction() && self.statement.as_ref().is_some_and(was_open)
    }

    pub(in super::super) fn is_opaque(&self) -> bool {
        self.statement
            .as_ref()
            .is_some_and(|statement| statement.nature == Nature::Opaque)
    }

    /// True if the statement failed with a deadlock. The transaction is then over, even if a cluster's node has not yet
    /// rolled it back and still reports it as open.
    pub(in super::super) fn met_deadlock(&self) -> bool {
        let error = self
            .statement
            .as_ref()
            .and_then(|statement| statement.error.as_ref());
        error
            .and_then(|error| error.code)
            .is_some_and(error_code::rolls_back)
    }

    /// Call when the server, in reply to a driver's own command, reports that it rolled a transaction back. The
    /// counters decide later whether that was the session's transaction, or one that the application's statement began.
    fn was_aborted(&mut self, error: StatementError) {
        self.transaction.met_conflict = true;
        self.status.remove(StatusFlags::SERVER_STATUS_IN_TRANS);
        match &mut self.statement {
            Some(statement) => statement.error = Some(error),
            None => self.ends(End::Rollback, Some(error)),
        }
    }

    /// Call when the transaction is gone, or is another one. Determines how it ended if the counters prove it. `now` is
    /// `None` if the counters were not read, because only the statement's error can have ended the transaction.
    pub(in super::super) fn counted(&mut self, now: Option<Counters>) {
        let Some(statement) = self.statement.take() else {
            return;
        };
        self.transaction.lost_savepoints = true;
        let before = self.counted;
        if let Some(now) = now {
            self.has_baseline(now);
        }
        let now = self.counted;
        let may_be_undone = self.cluster.is_node && now.undone > before.undone;
        let commits = now.commits.saturating_sub(before.commits);
        let rollbacks = now.rollbacks.saturating_sub(before.rollbacks);
        let is_nested = now.nested > before.nested;
        let is_open = self.in_transaction();
        // If no transaction was open before it, a statement that failed as a whole cannot have ended one.
        let failed_as_a_whole = |error: &StatementError| statement.parts == 0 && !is_fatal(error);
        let had_nothing_to_end = !statement.was_open
            && statement.ends == 0
            && statement.error.as_ref().is_none_or(failed_as_a_whole);
        if had_nothing_to_end {
            match (is_nested, commits + rollbacks) {
                // START TRANSACTION, say: no transaction was open that it could have ended.
                (false, 0) => return,
                _ if rollbacks == 0 && !is_open => return self.ends(End::Commit, None),
                _ => return self.ends(End::Unseen, None),
            }
        }
        if let Some(error) = statement.error {
            // The error itself ended the transaction, if no other statement can have ended it.
            let is_alone = statement.nature != Nature::Opaque
                || statement.ends == 0
                    && commits + rollbacks == 0
                    && !is_nested
                    && is_fatal(&error);
            let end = if is_alone { End::Rollback } else { End::Unseen };
            return self.ends(end, is_alone.then_some(error));
        }
        let end = match statement.nature {
            Nature::Plain | Nature::Traces => End::Unseen,
            _ if is_nested || may_be_undone => End::Unseen,
            // No ROLLBACK was counted, and every other statement that ends a transaction commits it.
            Nature::Opaque if rollbacks == 0 => End::Commit,
            Nature::Opaque if commits == 0 && statement.parts == 1 => End::Rollback,
            Nature::Opaque => End::Unseen,
        };
        self.ends(end, None);
        if statement.rows_behind && end == End::Commit {
            self.transaction.after_end.became.committed |= statement.ends > 1 || !is_open;
            self.transaction.after_end.is_open |= is_open;
        }
    }

    /// Records an end. The first is the end of the session's transaction; each later one ends work that ran after it.
    fn ends(&mut self, end: End, error: Option<StatementError>) {
        match self.transaction.ended {
            None => {
                self.transaction.ended = Some(end);
                self.transaction.fatal = error;
            }
            Some(_) if end == End::Unseen => self.transaction.ended = Some(End::Unseen),
            Some(_) if std::mem::take(&mut self.transaction.after_end.is_open) => match end {
                End::Rollback => self.transaction.after_end.became.rolled_back = true,
                _ => self.transaction.after_end.became.committed = true,
            },
            Some(_) => {}
        }
    }

    /// Call for the session's own COMMIT and ROLLBACK, which the server counts too.
    pub(in super::super) fn count(&mut self, commits: u64, rollbacks: u64) {
        self.counted.commits += commits;
        self.counted.rollbacks += rollbacks;
        self.cluster.undone |= rollbacks > 0;
    }

    /// Records the outcome of a COMMIT whose caller dropped its future.
    pub(in super::super) fn committed(&mut self, committed: bool) {
        self.ends(
            if committed {
                End::Commit
            } else {
                End::Rollback
            },
            None,
        );
    }

    /// Clears what is known about earlier transactions. Call when a transaction begins.
    pub(in super::super) fn begin_watch(&mut self) {
        self.transaction = Transaction::default();
    }

    pub(in super::super) fn watch(&self) -> TransactionStatus {
        let transaction = &self.transaction;
        let end = match transaction.ended {
            None => return TransactionStatus::Open,
            Some(End::Unseen) => return TransactionStatus::Parted(PartlyCommitted::EndedUnseen),
            Some(end) => end,
        };
        let behind = AfterEnd {
            committed: transaction.after_end.became.committed
                || transaction.after_end.is_open && !self.in_transaction(),
            rolled_back: transaction.after_end.became.rolled_back
                || transaction.after_end.is_open && self.in_transaction(),
        };
        let part = (behind.committed || behind.rolled_back)
            .then(|| CommittedPart::of(end == End::Commit, behind));
        match part.flatten() {
            Some(part) => TransactionStatus::Parted(PartlyCommitted::EndedByBody(part)),
            None => TransactionStatus::Ended {
                committed: end == End::Commit,
                error: transaction.fatal.clone(),
            },
        }
    }

    /// True if the session's savepoints were lost with their transaction.
    pub(in super::super) fn has_lost_savepoints(&self) -> bool {
        self.transaction.lost_savepoints || self.transaction.ended.is_some()
    }

    pub(in super::super) fn in_transaction(&self) -> bool {
        self.status.contains(StatusFlags::SERVER_STATUS_IN_TRANS)
    }

    /// True if autocommit is on, so that the server would commit each statement by itself.
    pub(in super::super) fn autocommits(&self) -> bool {
        self.status.contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT) && self.phase == Phase::Ready
    }

    pub(in super::super) fn is_verified(&self) -> bool {
        self.statement.is_none()
    }

    pub(in super::super) fn is_touched(&self) -> bool {
        self.changes.any
    }

    pub(in super::super) fn has_other_schema(&self) -> bool {
        self.changes.schema
    }

    /// Returns, and clears, whether statements must be prepared again.
    pub(in super::super) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.changes.prepared_is_stale)
    }

    pub(in super::super) fn is_alone(&self) -> bool {
        self.cluster.is_alone
    }

    pub(in super::super) fn met_conflict(&self) -> bool {
        self.transaction.met_conflict
    }

    pub(in super::super) fn has_written(&self) -> bool {
        self.transaction.has_written
    }

    pub(in super::super) fn last_error(&self) -> &Arc<LastError> {
        &self.last_error
    }
}

/// True for an error after which a server may roll back: a conflict, or (if it is configured so) a lock wait timeout.
fn is_fatal(error: &StatementError) -> bool {
    error.is_transient() || error.code == Some(1205)
}
