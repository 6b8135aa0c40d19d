//! What the server has said so far on one connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mysql_async::consts::StatusFlags;
use tokio::sync::Notify;

use super::error_code;
use super::packet::Done;
use super::text::Effects;
use crate::error::{Behind, StatementError};
use crate::observe;

/// Written by the relay as packets pass, read by the session.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Commands sent that the server answers.
    asked: AtomicU64,
    /// Replies seen to their end.
    answered: AtomicU64,
    /// Error packets seen.
    errors: AtomicU64,
    closed: AtomicBool,
    /// Told at every end of a reply and at the connection's.
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
struct State {
    /// The server's version, from its greeting.
    version: String,
    /// The connection is set up: from here on what happens is a session's.
    ready: bool,
    /// The server has a transaction open in which something was done.
    in_transaction: bool,
    /// The error after which the server rolled the current transaction back.
    fatal: Option<StatementError>,
    last_error: Option<StatementError>,
    /// A deadlock or a lock wait that timed out was among the errors of the current transaction.
    met_conflict: bool,
    /// A statement changed rows.
    has_written: bool,
    /// How the transaction ended that was begun since [`Ledger::begin_watch`]: the first end decides.
    ended: Option<End>,
    /// What changed rows behind that end, and is not ended itself.
    behind: bool,
    /// What did so and was ended since.
    behind_committed: bool,
    behind_rolled_back: bool,
    /// The session may have changed what the next borrower would find.
    touched: bool,
    /// The server has said that it takes no part in its cluster.
    alone: bool,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Rollback,
    /// By something that is not in the text: a procedure, say. The server does not tell which it was.
    Unseen,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn greeted(&self, version: String) {
        self.state().version = version;
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.state().version.contains("MariaDB")
    }

    /// The connection is as every borrower expects it.
    pub(super) fn is_ready(&self) {
        let mut state = self.state();
        state.ready = true;
        state.touched = false;
    }

    /// A command that the server answers is on its way.
    pub(super) fn asked(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// A reply is complete.
    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// A statement is done.
    pub(super) fn done(&self, done: Done, effects: Effects) {
        self.state().done(done, effects);
    }

    /// A statement failed.
    pub(super) fn failed(&self, error: StatementError) {
        self.state().failed(error);
        self.errors.fetch_add(1, Ordering::SeqCst);
    }

    /// What the server says of the transaction after an error.
    pub(super) fn probed(&self, status: StatusFlags, effects: Effects) {
        self.state().probed(status, effects);
    }

    /// Whether an error of now has to be followed by a question what became of the transaction.
    pub(super) fn must_probe(&self) -> bool {
        let state = self.state();
        state.ready && state.in_transaction
    }

    /// The connection is at its end.
    pub(super) fn closed(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// How many error packets were seen.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::SeqCst)
    }

    /// Everything that was sent is answered.
    pub(super) fn is_quiet(&self) -> bool {
        self.asked.load(Ordering::SeqCst) == self.answered.load(Ordering::SeqCst)
    }

    /// Returns once everything that was sent is answered, or the connection is closed.
    pub(super) async fn quiet(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_quiet() || self.is_closed() {
                return;
            }
            changed.await;
        }
    }

    /// Forgets earlier transactions.
    pub(super) fn begin_watch(&self) {
        let mut state = self.state();
        state.fatal = None;
        state.met_conflict = false;
        state.has_written = false;
        state.ended = None;
        state.behind = false;
        state.behind_committed = false;
        state.behind_rolled_back = false;
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.state().in_transaction
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.state().ended
    }

    /// Rows were changed behind the end of the session's transaction. What is open is rolled back with it.
    pub(super) fn behind(&self) -> Option<Behind> {
        let state = self.state();
        let behind = Behind {
            committed: state.behind_committed || state.behind && !state.in_transaction,
            rolled_back: state.behind_rolled_back || state.behind && state.in_transaction,
        };
        (behind.committed || behind.rolled_back).then_some(behind)
    }

    pub(super) fn fatal(&self) -> Option<StatementError> {
        self.state().fatal.clone()
    }

    pub(super) fn last_error(&self) -> Option<StatementError> {
        self.state().last_error.clone()
    }

    pub(super) fn met_conflict(&self) -> bool {
        self.state().met_conflict
    }

    pub(super) fn has_written(&self) -> bool {
        self.state().has_written
    }

    /// The server takes no part in its cluster: another one may, so that the connection is not worth keeping.
    pub(super) fn is_alone(&self) -> bool {
        self.state().alone
    }

    pub(super) fn is_touched(&self) -> bool {
        self.state().touched
    }
}

impl State {
    fn done(&mut self, done: Done, effects: Effects) {
        let before = self.in_transaction;
        self.in_transaction = done.status.contains(StatusFlags::SERVER_STATUS_IN_TRANS);
        if !self.ready {
            return;
        }
        self.touched |= effects.touches;
        if effects.commits && before && self.has_written {
            report_implicit_commit(effects.word);
        }
        self.has_written |= done.affected > 0;
        let autocommit = done.status.contains(StatusFlags::SERVER_STATUS_AUTOCOMMIT);
        let end = if effects.rollback {
            // Behind the end it undoes nothing, unless something was begun there.
            (before || self.ended.is_none()).then_some(End::Rollback)
        } else if effects.commit || effects.commits || autocommit || effects.begins && before {
            // With autocommit switched on by hand, each statement was committed with itself.
            Some(End::Commit)
        } else {
            (before && !self.in_transaction).then_some(End::Unseen)
        };
        let behind = self.ended.is_some() && done.affected > 0;
        self.behind |= behind;
        if let Some(end) = end {
            self.ends(end);
        }
    }

    /// The first end is that of the session's transaction, each further one that of what ran behind it.
    fn ends(&mut self, end: End) {
        if self.ended.is_none() {
            self.ended = Some(end);
        } else if std::mem::take(&mut self.behind) {
            match end {
                End::Rollback => self.behind_rolled_back = true,
                End::Commit | End::Unseen => self.behind_committed = true,
            }
        }
    }

    fn failed(&mut self, error: StatementError) {
        self.met_conflict |= error.is_transient();
        self.alone |= error.code.is_some_and(error_code::is_alone);
        if self.ready && error.code.is_some_and(error_code::rolls_back) {
            // Of a transaction's first statement too: then there is nothing to be probed.
            self.ends(End::Rollback);
            self.fatal = Some(error.clone());
        }
        self.last_error = Some(error);
    }

    fn probed(&mut self, status: StatusFlags, effects: Effects) {
        let before = self.in_transaction;
        self.in_transaction = status.contains(StatusFlags::SERVER_STATUS_IN_TRANS);
        if before && !self.in_transaction {
            // A statement that commits does so before it can fail.
            if effects.commits || effects.begins {
                self.ends(End::Commit);
            } else if effects.opaque {
                self.ends(End::Unseen);
            } else {
                self.fatal = self.last_error.clone();
                self.ends(End::Rollback);
            }
        }
    }
}

fn report_implicit_commit(word: &str) {
    observe::report(&format!(
        "{word} committed the transaction it ran in, as MySQL has it: what was done before it stays, \
         whatever becomes of the session; run such a statement in a session of its own"
    ));
}

impl observe::ServerErrors for Ledger {
    fn last_error(&self) -> Option<StatementError> {
        self.last_error()
    }
}
