//! The state of a session's transaction. Each transition is a method that replaces the state.

mod fault;
mod history;
mod savepoints;

pub(super) use self::fault::{Errors, Fault};
pub(super) use self::history::{History, kept_of};
pub(super) use self::savepoints::Savepoints;

use crate::driver::{CommitSent, Running};
use crate::error::AbortReason;

/// The state of a session's transaction.
#[derive(Debug)]
pub(super) enum Transaction {
    /// No transaction is open: the next statement begins one.
    Idle {
        /// BEGIN failed and no statement has been sent since: the server did nothing for the body.
        begin_failed: bool,
    },
    /// BEGIN was sent.
    Active(Active),
    /// COMMIT was sent, and the session has not read its answer.
    Committing(Active),
    /// The session is rolling back. A dropped rollback leaves this state too, and the transaction may still be open.
    RollingBack(Active),
    /// No transaction is open, and the session refuses to begin one until the caller rolls back.
    AwaitingRollback {
        fault: Box<Fault>,
        /// As in `Idle`, which follows when a savepoint's rollback removes the fault.
        begin_failed: bool,
    },
}

/// A transaction that the server has begun, or is beginning.
#[derive(Debug, Default)]
pub(super) struct Active {
    statement: Statement,
    /// Set if the transaction cannot go on.
    fault: Option<Box<Fault>>,
    /// True if a statement changed rows.
    wrote: bool,
    /// True if the body has borrowed the raw connection: statements may run without the session's notice.
    is_raw: bool,
}

/// The transaction's last statement.
#[derive(Debug, Default)]
enum Statement {
    /// Answered, or none was sent.
    #[default]
    None,
    /// The statement's future was polled and has not resolved.
    InFlight {
        /// Set if COMMIT is sent directly after the statement.
        commit: Option<CommitSent>,
    },
    /// The statement's rows may still be on their way.
    Streaming,
    /// The statement's future is gone. The driver has to end the statement before it sends the next one.
    Abandoned,
}

impl Default for Transaction {
    fn default() -> Self {
        Self::Idle {
            begin_failed: false,
        }
    }
}

impl Transaction {
    /// Returns the transaction, from BEGIN on until it has ended.
    fn active(&self) -> Option<&Active> {
        match self {
            Self::Active(active) | Self::Committing(active) | Self::RollingBack(active) => {
                Some(active)
            }
            Self::Idle { .. } | Self::AwaitingRollback { .. } => None,
        }
    }

    fn active_mut(&mut self) -> Option<&mut Active> {
        match self {
            Self::Active(active) | Self::Committing(active) | Self::RollingBack(active) => {
                Some(active)
            }
            Self::Idle { .. } | Self::AwaitingRollback { .. } => None,
        }
    }

    /// Moves the begun transaction, if there is one, to the state that `next` returns.
    fn replace(&mut self, next: impl FnOnce(Active) -> Self) {
        *self = match std::mem::take(self) {
            Self::Active(active) | Self::Committing(active) | Self::RollingBack(active) => {
                next(active)
            }
            other => other,
        };
    }

    pub(super) fn is_begun(&self) -> bool {
        self.active().is_some()
    }

    pub(super) fn begin_failed(&self) -> bool {
        match self {
            Self::Idle { begin_failed } | Self::AwaitingRollback { begin_failed, .. } => {
                *begin_failed
            }
            Self::Active(_) | Self::Committing(_) | Self::RollingBack(_) => false,
        }
    }

    pub(super) fn is_committing(&self) -> bool {
        matches!(self, Self::Committing(_))
    }

    /// True if COMMIT or ROLLBACK is under way.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self, Self::Committing(_) | Self::RollingBack(_))
    }

    pub(super) fn is_raw(&self) -> bool {
        self.active().is_some_and(|active| active.is_raw)
    }

    pub(super) fn enter_raw(&mut self) {
        if let Some(active) = self.active_mut() {
            active.is_raw = true;
        }
    }

    pub(super) fn wrote(&mut self) {
        if let Some(active) = self.active_mut() {
            active.wrote = true;
        }
    }

    /// True if the transaction's statements succeeded and some wrote. `written`: the driver saw one that wrote.
    pub(super) fn has_unfinished_writes(&self, written: bool) -> bool {
        match self {
            Self::Active(active) => {
                (active.wrote || written)
                    && active.fault.is_none()
                    && !matches!(active.statement, Statement::InFlight { .. })
            }
            _ => false,
        }
    }

    /// True if the driver has to end a dropped statement before it sends the next one.
    pub(super) fn has_abandoned_statement(&self) -> bool {
        self.active()
            .is_some_and(|active| matches!(active.statement, Statement::Abandoned))
    }

    /// Returns what the recovery finds under way.
    pub(super) fn running(&self) -> Running {
        match self {
            Self::Idle { .. } | Self::AwaitingRollback { .. } => Running::Nothing,
            Self::Active(active) => match active.statement {
                Statement::None => Running::Nothing,
                _ => Running::Statement,
            },
            Self::Committing(_) => Running::End,
            // A dropped ROLLBACK may have waited for a statement to end.
            Self::RollingBack(_) => Running::Statement,
        }
    }

    /// Call when a statement is being sent, with BEGIN if no transaction was open.
    pub(super) fn sent(&mut self) {
        if let Some(active) = self.active_mut() {
            active.statement = Statement::InFlight { commit: None };
            return;
        }
        let fault = match std::mem::take(self) {
            Self::AwaitingRollback { fault, .. } => Some(fault),
            _ => None,
        };
        *self = Self::Active(Active {
            statement: Statement::InFlight { commit: None },
            fault,
            ..Active::default()
        });
    }

    /// Call when COMMIT is to follow the statement that was just sent, without waiting for its answer.
    pub(super) fn set_commit_sent(&mut self, sent: CommitSent) {
        self.set_statement(Statement::InFlight { commit: Some(sent) });
    }

    /// Call when BEGIN itself failed.
    pub(super) fn not_begun(&mut self) {
        *self = Self::Idle { begin_failed: true };
    }

    /// Call when the statement's future has resolved.
    pub(super) fn answered(&mut self) {
        self.set_statement(Statement::None);
    }

    pub(super) fn streaming(&mut self) {
        self.set_statement(Statement::Streaming);
    }

    /// Call when the last row was read.
    pub(super) fn streamed(&mut self) {
        self.set_statement(Statement::None);
    }

    fn set_statement(&mut self, statement: Statement) {
        if let Some(active) = self.active_mut() {
            active.statement = statement;
        }
    }

    /// Call when the future of a statement in flight may have been dropped or leaked (`mem::forget`). If a COMMIT
    /// follows the statement, it may have been sent. `depth`: how many savepoints are open.
    pub(super) fn abandoned(&mut self, depth: u32) {
        let Some(active) = self.active_mut() else {
            return;
        };
        let Statement::InFlight { commit } = &active.statement else {
            return;
        };
        if commit.as_ref().is_some_and(CommitSent::get) {
            active.statement = Statement::None;
            self.committing();
        } else {
            active.statement = Statement::Abandoned;
            active
                .fault
                .get_or_insert_with(|| Fault::boxed(AbortReason::StatementDropped, depth));
        }
    }

    pub(super) fn committing(&mut self) {
        self.replace(Self::Committing);
    }

    pub(super) fn rolling_back(&mut self) {
        self.replace(Self::RollingBack);
    }

    /// Call when COMMIT or ROLLBACK was answered, before the answer's meaning is recorded.
    pub(super) fn end_answered(&mut self) {
        self.replace(Self::Active);
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::AwaitingRollback { fault, .. } => Some(fault),
            _ => self.active()?.fault.as_deref(),
        }
    }

    /// Records that the transaction cannot go on for this reason, even if it has another fault already.
    pub(super) fn set_fault(&mut self, fault: Box<Fault>) {
        match self.active_mut() {
            Some(active) => active.fault = Some(fault),
            None => {
                *self = Self::AwaitingRollback {
                    fault,
                    begin_failed: self.begin_failed(),
                }
            }
        }
    }

    /// Like `set_fault`, unless there is a fault already: the first fault stays.
    pub(super) fn add_fault(&mut self, reason: AbortReason, depth: u32) {
        if self.fault().is_none() {
            self.set_fault(Fault::boxed(reason, depth));
        }
    }

    /// Call when this level's savepoint is rolled back: a fault inside it is removed with it.
    pub(super) fn roll_back_to(&mut self, level: u32) {
        match self {
            Self::AwaitingRollback {
                fault,
                begin_failed,
            } if fault.is_inside(level) => {
                *self = Self::Idle {
                    begin_failed: *begin_failed,
                };
            }
            _ => {
                if let Some(active) = self.active_mut() {
                    active.fault.take_if(|fault| fault.is_inside(level));
                }
            }
        }
    }
}
