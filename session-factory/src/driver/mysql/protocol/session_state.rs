//! What the server has told about its session: the transaction that is open, and what a borrower has changed.
//!
//! Each OK packet carries status flags, and says what changed since the last one (`CLIENT_SESSION_TRACK`). No SQL is
//! read to know what became of a transaction. What the flags leave open, a savepoint and the server's own counters of
//! COMMIT and ROLLBACK decide: see [`SessionState::suspicion`].

use std::sync::Arc;

use mysql_common::constants::{SessionStateType, StatusFlags};
use mysql_common::packets::OkPacket;

use super::error_code;
use crate::driver::TransactionStatus;
use crate::error::{AfterEnd, CommittedPart, PartlyCommitted, StatementError};
use crate::observe::ServerErrors;
use crate::sync::Mutex;

/// How a transaction ended that the session did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum End {
    Commit,
    Rollback,
    /// The server does not tell which it was.
    Unseen,
}

/// What a statement of the application's may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Nature {
    /// It reads or changes rows, and leaves nothing else behind.
    Plain,
    /// The same, and it may leave a user variable, a named lock or `LAST_INSERT_ID` behind.
    Traces,
    /// A text or a statement that may do anything, and end the transaction.
    Opaque,
}

/// What was seen while a statement of the application's ran.
#[derive(Debug)]
struct Statement {
    nature: Nature,
    /// A transaction was open before it.
    was_open: bool,
    /// Something about the session changed meanwhile.
    flagged: bool,
    /// How often a transaction was open before a part of it and not behind that.
    ends: u32,
    /// How many of its parts succeeded.
    parts: u32,
    /// Rows were changed behind the first end.
    rows_behind: bool,
    error: Option<StatementError>,
    /// The answer to [`Purpose::ReleaseMark`]: the transaction is the same one. It is kept here, because the future that
    /// asked may be dropped, and the mark can be released only once.
    is_same: Option<bool>,
}

/// Why a command is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// The application wants it.
    Users,
    /// The driver wants it.
    Drivers,
    /// The driver asks whether the transaction that it marked is still open.
    ReleaseMark,
}

/// A question that has to be asked before the next statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Suspicion {
    /// A statement failed: is the transaction still open?
    Failed,
    /// A flag says that the session changed: is the transaction the same one?
    Flagged,
    /// The transaction ended: by COMMIT or by ROLLBACK?
    Ended,
}

/// The server's counters of what ends transactions.
#[derive(Debug, Default, Clone, Copy)]
pub(in super::super) struct Counters {
    pub(in super::super) commits: u64,
    pub(in super::super) rollbacks: u64,
    /// Of statements that run others.
    pub(in super::super) nested: u64,
    /// What storage engines rolled back, a statement that failed included.
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

/// How far the connection is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Opened,
    LoggedIn,
    /// Set up: from here on what happens is a borrower's.
    Ready,
}

/// What a borrower has changed.
#[derive(Debug, Default)]
struct Changes {
    /// The next borrower would find something else than this one did.
    any: bool,
    schema: bool,
    /// What was prepared belongs to another schema or another mode.
    prepared_is_stale: bool,
}

/// The Galera cluster that the server is a node of. A node may roll back by itself, and reports that to a later command.
#[derive(Debug, Default)]
struct Cluster {
    is_node: bool,
    /// The node takes no part in it.
    is_alone: bool,
    /// Something was rolled back since the counters were asked.
    undone: bool,
}

/// The transaction since [`begin_watch`](SessionState::begin_watch).
#[derive(Debug, Default)]
struct Transaction {
    met_conflict: bool,
    has_written: bool,
    /// Its savepoints went with it, or with a transaction in which only savepoints were made.
    lost_savepoints: bool,
    ended: Option<End>,
    fatal: Option<StatementError>,
    /// Rows were changed behind the end, and are neither committed nor rolled back.
    open_behind: bool,
    behind: AfterEnd,
}

#[derive(Debug)]
pub(in super::super) struct SessionState {
    phase: Phase,
    /// Those of the last OK packet.
    status: StatusFlags,
    /// The open transaction has changed rows.
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

    /// The connection is as every borrower expects it.
    pub(in super::super) fn is_ready(&mut self) {
        self.phase = Phase::Ready;
        self.changes = Changes::default();
        self.statement = None;
        self.counted = Counters::default();
    }

    /// Whether the server is a node of a Galera cluster.
    pub(in super::super) fn is_of_cluster(&mut self, is: bool) {
        self.cluster.is_node = is;
    }

    pub(in super::super) fn is_clustered(&self) -> bool {
        self.cluster.is_node
    }

    /// What the next statement rolls back could not be told from what was rolled back before it.
    pub(in super::super) fn lacks_baseline(&self) -> bool {
        self.cluster.is_node && self.cluster.undone
    }

    pub(in super::super) fn has_baseline(&mut self, now: Counters) {
        self.counted = now;
        self.cluster.undone = false;
    }

    /// A statement of this nature is about to be sent.
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

    /// One that was not announced.
    pub(super) fn statement_sent(&mut self) {
        if self.statement.is_none() {
            self.announce(Nature::Plain);
        }
    }

    /// Takes in an OK packet. True: another result follows in the same reply.
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
            // A function that a SELECT calls changes rows too.
            let wrote = ok.affected_rows() > 0 || self.writes;
            statement.flagged |= flagged;
            statement.parts += 1;
            statement.rows_behind |= statement.ends > 0 && wrote;
            statement.ends += u32::from(before && !is_open);
            self.transaction.has_written |= wrote;
            self.transaction.open_behind |= self.transaction.ended.is_some() && wrote;
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
                // A letter for each thing that the transaction did: `W` for writing, `w` where that cannot be undone.
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

    /// Takes in an error packet.
    pub(super) fn failed(&mut self, error: &StatementError, purpose: Purpose) {
        self.cluster.undone = true;
        if purpose == Purpose::ReleaseMark
            && let Some(statement) = &mut self.statement
        {
            statement.is_same = Some(false);
            if error.code != Some(error_code::NO_SUCH_SAVEPOINT) {
                // Such as a node that has lost its cluster: what ended the transaction is not known.
                statement.error = Some(error.clone());
            }
        }
        if purpose != Purpose::Users && error.code.is_some_and(error_code::rolls_back) {
            // A Galera node reports a lost conflict to the next command, whatever that is.
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

    /// What the flags of the last statement leave open. None: they say it all.
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
                // The transaction's first statement: there was nothing else.
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

    /// The transaction is the one that it was.
    pub(in super::super) fn is_the_same(&mut self) {
        self.statement = None;
    }

    /// Whether the mark was still there.
    pub(in super::super) fn found_mark(&self) -> Option<bool> {
        self.statement.as_ref()?.is_same
    }

    /// A statement failed, and the server says that no transaction is open behind it.
    pub(in super::super) fn is_gone(&self) -> bool {
        let was_open = |statement: &Statement| statement.was_open || statement.ends > 0;
        !self.in_transaction() && self.statement.as_ref().is_some_and(was_open)
    }

    pub(in super::super) fn is_opaque(&self) -> bool {
        self.statement
            .as_ref()
            .is_some_and(|statement| statement.nature == Nature::Opaque)
    }

    /// The statement failed with a deadlock. The transaction is over, also where a node of a cluster has not rolled it
    /// back yet, and says that it is open.
    pub(in super::super) fn met_deadlock(&self) -> bool {
        let error = self
            .statement
            .as_ref()
            .and_then(|statement| statement.error.as_ref());
        error
            .and_then(|error| error.code)
            .is_some_and(error_code::rolls_back)
    }

    /// The server reported to a command of the driver's own that it has rolled the transaction back. Whether that is the
    /// session's, or one that the statement before it began, the counters decide.
    fn was_aborted(&mut self, error: StatementError) {
        self.transaction.met_conflict = true;
        self.status.remove(StatusFlags::SERVER_STATUS_IN_TRANS);
        match &mut self.statement {
            Some(statement) => statement.error = Some(error),
            None => self.ends(End::Rollback, Some(error)),
        }
    }

    /// The transaction is another one, or none. The counters tell what ended it, where that is certain. None: they
    /// were not asked, as the statement can have ended nothing but by its error.
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
        // Without a transaction before it, a statement that failed as a whole has ended none.
        let failed_as_a_whole = |error: &StatementError| statement.parts == 0 && !is_fatal(error);
        let had_nothing_to_end = !statement.was_open
            && statement.ends == 0
            && statement.error.as_ref().is_none_or(failed_as_a_whole);
        if had_nothing_to_end {
            match (is_nested, commits + rollbacks) {
                // START TRANSACTION: nothing was open that it could have ended.
                (false, 0) => return,
                _ if rollbacks == 0 && !is_open => return self.ends(End::Commit, None),
                _ => return self.ends(End::Unseen, None),
            }
        }
        if let Some(error) = statement.error {
            // By the error itself, if no other statement can have done it.
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
            // Whatever else ends a transaction commits it.
            Nature::Opaque if rollbacks == 0 => End::Commit,
            Nature::Opaque if commits == 0 && statement.parts == 1 => End::Rollback,
            Nature::Opaque => End::Unseen,
        };
        self.ends(end, None);
        if statement.rows_behind && end == End::Commit {
            self.transaction.behind.committed |= statement.ends > 1 || !is_open;
            self.transaction.open_behind |= is_open;
        }
    }

    /// The first end is that of the session's transaction, each further one that of what ran behind it.
    fn ends(&mut self, end: End, error: Option<StatementError>) {
        match self.transaction.ended {
            None => {
                self.transaction.ended = Some(end);
                self.transaction.fatal = error;
            }
            Some(_) if end == End::Unseen => self.transaction.ended = Some(End::Unseen),
            Some(_) if std::mem::take(&mut self.transaction.open_behind) => match end {
                End::Rollback => self.transaction.behind.rolled_back = true,
                _ => self.transaction.behind.committed = true,
            },
            Some(_) => {}
        }
    }

    /// COMMIT or ROLLBACK of the session's own.
    pub(in super::super) fn count(&mut self, commits: u64, rollbacks: u64) {
        self.counted.commits += commits;
        self.counted.rollbacks += rollbacks;
        self.cluster.undone |= rollbacks > 0;
    }

    /// What became of a COMMIT whose caller is gone.
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

    /// Forgets earlier transactions.
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
            committed: transaction.behind.committed
                || transaction.open_behind && !self.in_transaction(),
            rolled_back: transaction.behind.rolled_back
                || transaction.open_behind && self.in_transaction(),
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

    /// The savepoints that the session made went with their transaction.
    pub(in super::super) fn has_lost_savepoints(&self) -> bool {
        self.transaction.lost_savepoints || self.transaction.ended.is_some()
    }

    pub(in super::super) fn in_transaction(&self) -> bool {
        self.status.contains(StatusFlags::SERVER_STATUS_IN_TRANS)
    }

    /// Each statement would be committed with itself.
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

    /// Whether what was prepared has to be prepared again. Says so once.
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

/// An error after which a server may roll back by itself: conflicts, and a lock wait where it is set so.
fn is_fatal(error: &StatementError) -> bool {
    error.is_transient() || error.code == Some(1205)
}
