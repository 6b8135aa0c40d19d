//! What a session knows about its transaction: what it sent, what it still has to send, what went wrong.

use std::borrow::Cow;

use diesel::result::Error;

use super::attempt::Attempt;
use super::transaction::{Errors, Fault, History, Savepoints, Transaction};
use crate::call::TransactionOptions;
use crate::driver::{CommitSent, Prelude, Running, TransactionStatus};
use crate::error::{
    AbortReason, Aborted, CommitError, CommittedPart, PartlyCommitted, SessionError,
    StatementError, StatementErrorKind,
};
use crate::observe::{Change, Echo, SessionMonitor, Step};

/// The session's state over its transactions, which follow one another on the same connection.
#[derive(Debug)]
pub(crate) struct SessionState {
    begin: Begin,
    transaction: Transaction,
    /// Savepoints may be opened before BEGIN is sent.
    savepoints: Savepoints,
    permitted_end: PermittedEnd,
    errors: Errors,
    history: History,
    attempt: Attempt,
    /// The level of the innermost savepoint that ends with its closure. A caller may end only deeper savepoints by
    /// hand. The level outlives the transaction, as the closure does.
    closure_level: u32,
    pub(crate) echo: Option<Echo>,
    pub(crate) monitor: Option<SessionMonitor>,
}

/// How the transaction begins. The session asks for the backend's SQL when it needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) sql: fn(&TransactionOptions) -> Cow<'static, str>,
    pub(crate) options: TransactionOptions,
}

/// Which end of the transaction the caller permits. The caller may choose it before BEGIN is sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PermittedEnd {
    #[default]
    Commit,
    RollbackOnly,
    /// Only a rollback, because the transaction comes from `begin_test_transaction`.
    RollbackOfTest,
}

impl SessionState {
    pub(crate) fn new(begin: Begin, echo: Option<Echo>, monitor: Option<SessionMonitor>) -> Self {
        Self {
            begin,
            transaction: Transaction::default(),
            savepoints: Savepoints::default(),
            permitted_end: PermittedEnd::default(),
            errors: Errors::default(),
            history: History::default(),
            attempt: Attempt::ONLY,
            closure_level: 0,
            echo,
            monitor,
        }
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.transaction.is_begun()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.begin.options.read_only
    }

    pub(crate) fn met_read_only(&self) -> bool {
        self.history.met_read_only()
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.transaction.is_raw()
    }

    pub(crate) fn enter_raw(&mut self) {
        self.transaction.enter_raw();
    }

    /// Returns how many savepoints are open.
    pub(crate) fn depth(&self) -> u32 {
        self.savepoints.depth()
    }

    pub(crate) fn set_rollback_only(&mut self) {
        if self.permitted_end == PermittedEnd::Commit {
            self.permitted_end = PermittedEnd::RollbackOnly;
        }
    }

    /// Marks the transaction as a test's, which only ever rolls back; diesel's transaction status says so too.
    pub(crate) fn set_test(&mut self) {
        self.permitted_end = PermittedEnd::RollbackOfTest;
    }

    pub(crate) fn is_test(&self) -> bool {
        self.permitted_end == PermittedEnd::RollbackOfTest
    }

    /// True if the transaction cannot go on.
    pub(crate) fn has_fault(&self) -> bool {
        self.transaction.fault().is_some()
    }

    /// Call when the transaction is over. The next statement begins another transaction.
    pub(crate) fn ended(&mut self) {
        self.transaction = Transaction::default();
        self.savepoints = Savepoints::default();
        self.permitted_end = PermittedEnd::default();
        self.errors = Errors::default();
    }

    /// Call when the transaction was committed.
    pub(crate) fn committed(&mut self) {
        if self.is_begun() {
            self.history.committed();
        }
        self.ended();
    }

    /// Call when the body's SQL committed the transaction. Returns the error if the session had to undo work in it.
    fn end_by_body(&mut self) -> Option<SessionError> {
        let may_commit = self.permitted_end == PermittedEnd::Commit;
        if !may_commit || self.savepoints.is_undoing() || self.has_fault() {
            return Some(self.kept());
        }
        let savepoints = self.savepoints.cut();
        self.ended();
        self.history.committed_by_body();
        self.savepoints = savepoints;
        None
    }

    /// True if the body's SQL committed a part of the session's work.
    pub(crate) fn is_committed_by_body(&self) -> bool {
        self.history.is_committed_by_body()
    }

    /// Returns the error for work that the session had to roll back after the body's SQL had committed it.
    pub(crate) fn kept(&mut self) -> SessionError {
        self.part(&PartlyCommitted::EndedByBody(CommittedPart::Before))
    }

    /// Returns the error for a rolled back transaction: partly committed, if the body's SQL committed an earlier one.
    pub(crate) fn aborted(&mut self, reason: AbortReason) -> SessionError {
        if self.is_committed_by_body() {
            self.kept()
        } else {
            Aborted::new(reason).into()
        }
    }

    /// True if this level's savepoint ended with a transaction that the body's SQL committed.
    pub(crate) fn is_gone(&self, level: u32) -> bool {
        self.savepoints.is_gone(level)
    }

    /// Call when the body's `commit()` has failed: a later `Ok` from the body would be false.
    pub(crate) fn lose(&mut self, error: &SessionError) {
        self.history.lose(error);
    }

    /// Call when the body has acknowledged the loss with `rollback()`.
    pub(crate) fn forget_loss(&mut self) {
        self.history.forget_loss();
    }

    /// Returns the error that replaces the body's `Ok`.
    pub(crate) fn loss(&self) -> Option<SessionError> {
        self.history.loss()
    }

    pub(crate) fn answer_for(&mut self) {
        self.history.answer_for();
    }

    pub(crate) fn is_answered_for(&self) -> bool {
        self.history.is_answered_for()
    }

    /// Describes the work that the body's SQL has committed or may have committed.
    pub(crate) fn kept_by_body(&self) -> Option<String> {
        self.history.kept_by_body()
    }

    /// Reports to the observers how the call ended.
    pub(crate) fn note_over(&mut self, result: &Result<(), SessionError>) {
        if let Some(monitor) = &mut self.monitor {
            monitor.over(result);
        }
    }

    /// Reports to the observers how `commit()` ended.
    pub(crate) fn note_result(&mut self, result: &Result<(), SessionError>) {
        if let Some(monitor) = &mut self.monitor {
            monitor.result(result);
        }
    }

    /// True if this session has already committed something.
    pub(crate) fn has_committed(&self) -> bool {
        self.history.has_committed()
    }

    pub(crate) fn wrote(&mut self) {
        self.transaction.wrote();
    }

    /// True if every statement succeeded and some wrote: a caller that drops such work
    /// has probably forgotten to commit it.
    pub(crate) fn is_worth_a_commit(&self, written: bool) -> bool {
        self.permitted_end == PermittedEnd::Commit
            && self.errors.is_empty()
            && self.transaction.has_unfinished_writes(written)
    }

    pub(crate) fn met_conflict(&self) -> bool {
        self.errors.met_conflict()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt.number
    }

    pub(crate) fn set_attempt(&mut self, number: u32, of: u32) {
        self.attempt = Attempt { number, of };
    }

    /// Adds the attempt's number to the text of an error after which `retry` tries again.
    pub(crate) fn counted(&self, error: Error) -> Error {
        self.attempt.counted(error)
    }

    /// Like `counted`, for an error of COMMIT.
    pub(crate) fn counted_statement(&self, error: StatementError) -> StatementError {
        self.attempt.counted_statement(error)
    }

    /// Call when COMMIT is sent.
    pub(crate) fn committing(&mut self) {
        self.transaction.committing();
    }

    /// Call when ROLLBACK is sent, perhaps while a statement still runs.
    pub(crate) fn rolling_back(&mut self) {
        self.transaction.rolling_back();
    }

    /// Call when COMMIT or ROLLBACK was answered.
    pub(crate) fn end_answered(&mut self) {
        self.transaction.end_answered();
    }

    /// True if COMMIT was sent and its answer was not read.
    pub(crate) fn is_committing(&self) -> bool {
        self.transaction.is_committing()
    }

    /// True if COMMIT or ROLLBACK is under way.
    pub(crate) fn is_ending(&self) -> bool {
        self.transaction.is_ending()
    }

    /// Returns what the recovery finds under way.
    pub(crate) fn running(&self) -> Running {
        self.transaction.running()
    }

    /// Updates the state from the server's messages before the session sends the next statement.
    ///
    /// # Errors
    /// When the transaction cannot go on.
    pub(crate) fn check(&mut self, watched: &TransactionStatus) -> Result<(), SessionError> {
        self.abandoned();
        if let Some(error) = self.note_end(watched) {
            return Err(error);
        }
        if self.is_begun()
            && let Some(reason) = self.rolled_back_by(watched)
        {
            self.transaction.set_fault(Fault::boxed(reason, 0));
        }
        if let Some(fault) = self.transaction.fault() {
            let reason = fault.reason().clone();
            return Err(self.aborted(reason));
        }
        if self.is_committing() {
            // A statement sent after COMMIT would run outside any transaction.
            return Err(SessionError::CommitUnknown(StatementError::connection(
                "its future was dropped; commit() waits for the answer",
            )));
        }
        Ok(())
    }

    /// Returns the error if something other than the session ended the transaction and committed it, or may have.
    #[inline]
    pub(crate) fn note_end(&mut self, watched: &TransactionStatus) -> Option<SessionError> {
        match watched {
            _ if !self.is_begun() => None,
            TransactionStatus::Parted(parts) => Some(self.part(parts)),
            TransactionStatus::Ended {
                committed: true, ..
            } => self.end_by_body(),
            _ => None,
        }
    }

    /// Records that a part of the work is committed. Returns the error, because `Ok` and another attempt are ruled out.
    pub(crate) fn part(&mut self, parts: &PartlyCommitted) -> SessionError {
        self.history.committed();
        self.errors.report_end();
        let parts = match parts {
            // The body's SQL ends a transaction for the second time: the work before the first end is committed.
            PartlyCommitted::EndedByBody(part) if self.is_committed_by_body() => {
                PartlyCommitted::EndedByBody(part.behind_a_commit())
            }
            parts => parts.clone(),
        };
        let error = SessionError::from(parts);
        self.history.lose(&error);
        error
    }

    /// Like `note_end` for a partly committed transaction, unless an error has reported that already.
    pub(crate) fn newly_parted(&mut self, watched: &TransactionStatus) -> Option<SessionError> {
        match watched {
            TransactionStatus::Parted(parts)
                if self.is_begun() && !self.errors.has_reported_end() =>
            {
                Some(self.part(parts))
            }
            _ => None,
        }
    }

    /// Returns the prelude of the next statement.
    pub(crate) fn prelude(&self) -> Prelude {
        Prelude {
            settle: self.transaction.has_abandoned_statement(),
            begin: (!self.is_begun()).then(|| (self.begin.sql)(&self.begin.options)),
            control: self.savepoints.text(),
            ..Prelude::default()
        }
    }

    /// Returns the prelude as steps, for an instrumentation that sees each of them.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let begin = (!self.is_begun())
            .then(|| Step::outermost(Change::Begin, (self.begin.sql)(&self.begin.options)));
        begin.into_iter().chain(self.savepoints.steps()).collect()
    }

    /// Returns how the open savepoints end if the transaction ends now.
    pub(crate) fn left_savepoints(&self) -> Vec<Step> {
        self.savepoints.left().collect()
    }

    /// Call when the statement's future is polled for the first time: the statement and its prelude are being sent.
    pub(crate) fn sent(&mut self) {
        self.transaction.sent();
        self.savepoints.sent();
    }

    /// Call when BEGIN itself failed: there is no transaction.
    pub(crate) fn not_begun(&mut self) {
        self.transaction.not_begun();
        self.savepoints.forget();
    }

    /// Call when the statement's future has resolved.
    pub(crate) fn answered(&mut self) {
        self.transaction.answered();
    }

    /// Call when the server has run the prelude.
    pub(crate) fn prelude_done(&mut self) {
        self.savepoints.confirmed();
    }

    /// Call when rows of the answered statement may still be on their way.
    pub(crate) fn streaming(&mut self) {
        self.transaction.streaming();
    }

    /// Call when the last of those rows was read.
    pub(crate) fn streamed(&mut self) {
        self.transaction.streamed();
    }

    pub(crate) fn failed(&mut self, error: &StatementError) {
        if error.is_read_only() && !self.is_read_only() {
            self.history.meet_read_only();
        }
        self.errors.add(error, self.savepoints.depth());
    }

    /// Call when the last statement failed and its transaction is over: later statements fail until the
    /// caller acknowledges the failure with `rollback()`.
    pub(crate) fn gave_up(&mut self, error: &Error) {
        let error = StatementError::from(error);
        self.failed(&error);
        let reason = AbortReason::Statement(error);
        self.transaction.set_fault(Fault::boxed(reason, 0));
    }

    /// Call when the last statement failed before the database saw it: there, the transaction goes on without it.
    pub(crate) fn failed_unsent(&mut self, error: &Error) {
        let error = StatementError::from(error).unsent();
        self.add_fault(AbortReason::Statement(error));
    }

    /// Call when the driver refused the last statement, because its transaction is over for `reason`.
    pub(crate) fn refused_for(&mut self, reason: AbortReason) {
        self.transaction.add_fault(reason, 0);
    }

    /// Records that the transaction cannot go on unless the innermost savepoint is rolled back.
    fn add_fault(&mut self, reason: AbortReason) {
        self.transaction.add_fault(reason, self.savepoints.depth());
    }

    /// Call when SAVEPOINT, RELEASE or ROLLBACK TO failed, for example because the body's SQL had ended that savepoint.
    /// Work that had to be undone is still there, so the session must not commit, even if the database would.
    pub(crate) fn control_failed(&mut self, error: &Error) {
        if !matches!(error, Error::DatabaseError(..)) {
            return;
        }
        let error = StatementError::from(error);
        if error.kind != StatementErrorKind::Connection {
            self.add_fault(AbortReason::Statement(error));
        }
    }

    /// Call when COMMIT is to follow the statement that was just sent, without waiting for its answer.
    pub(super) fn set_commit_sent(&mut self, sent: CommitSent) {
        self.transaction.set_commit_sent(sent);
    }

    /// Call when the statement's future may have been dropped or leaked (`mem::forget`) before it resolved. If a
    /// COMMIT follows the statement, it may have been sent.
    pub(crate) fn abandoned(&mut self) {
        self.transaction.abandoned(self.savepoints.depth());
    }

    /// Opens a savepoint and returns its level.
    pub(crate) fn savepoint(&mut self) -> u32 {
        self.savepoints.open()
    }

    /// Call when a closure whose savepoint has this level begins or ends. Returns the level of the enclosing closure.
    pub(crate) fn set_closure_level(&mut self, level: u32) -> u32 {
        std::mem::replace(&mut self.closure_level, level)
    }

    /// Returns the level of the savepoint that `call`, a method of diesel-async's `TransactionManager`, ends.
    ///
    /// # Errors
    /// Fails if the caller began no savepoint: the innermost savepoint belongs to a closure, or the transaction to the
    /// session. The caller may have meant to undo it, so it can then only be rolled back. If a statement was dropped or
    /// leaked (`mem::forget`), the error is that statement's, because the closure may be gone with it.
    pub(crate) fn begun_by_hand(&mut self, call: &'static str) -> Result<u32, SessionError> {
        self.abandoned();
        let level = self.depth();
        if level > self.closure_level {
            return Ok(level);
        }
        if let Some(fault) = self.transaction.fault()
            && matches!(fault.reason(), AbortReason::StatementDropped)
        {
            return Err(self.aborted(AbortReason::StatementDropped));
        }
        self.add_fault(AbortReason::NotBegun(call));
        Err(SessionError::NotBegun(call))
    }

    /// Returns `error` as the savepoint of this level reports it. If the fault is that a savepoint inside was ended
    /// without being begun, rolling this one back removes the fault, and the transaction goes on.
    pub(crate) fn of_savepoint(&self, level: u32, error: SessionError) -> SessionError {
        match (self.transaction.fault(), error) {
            (Some(fault), SessionError::Aborted(aborted))
                if fault.is_inside(level)
                    && matches!(aborted.reason(), AbortReason::NotBegun(_)) =>
            {
                Aborted::in_savepoint(aborted.reason().clone()).into()
            }
            (_, error) => error,
        }
    }

    /// Releases this level's savepoint and all savepoints inside it.
    pub(crate) fn release(&mut self, level: u32) {
        self.savepoints.release(level);
    }

    /// Rolls back to this level's savepoint. Returns true if the session has to send ROLLBACK TO.
    pub(crate) fn undo(&mut self, level: u32) -> bool {
        self.abandoned();
        self.transaction.roll_back_to(level);
        self.errors.roll_back_to(level);
        self.savepoints.undo(level)
    }

    /// True if the session has to send something before COMMIT.
    pub(crate) fn must_flush(&self) -> bool {
        self.transaction.has_abandoned_statement() || self.savepoints.must_undo()
    }

    /// Returns why the transaction cannot be committed, if it cannot.
    pub(crate) fn verdict(&mut self, watched: &TransactionStatus) -> Option<SessionError> {
        self.abandoned();
        if let Some(error) = self.note_end(watched) {
            return Some(error);
        }
        if let TransactionStatus::Refused(error) = watched
            && self.is_committing()
            && !self.is_committed_by_body()
        {
            return Some(CommitError::refused(self.counted_statement(error.clone())).into());
        }
        let reason = self.reason(watched)?;
        Some(self.aborted(reason))
    }

    fn reason(&mut self, watched: &TransactionStatus) -> Option<AbortReason> {
        if self.permitted_end != PermittedEnd::Commit {
            return Some(AbortReason::RollbackOnly);
        }
        if let Some(fault) = self.transaction.fault() {
            return Some(fault.reason().clone());
        }
        if !self.is_begun() {
            let begin_failed = self.transaction.begin_failed();
            return begin_failed.then(|| self.because(None));
        }
        match watched {
            TransactionStatus::Failed(error) => Some(self.because(error.clone())),
            TransactionStatus::Unbalanced => Some(AbortReason::OpenSavepoint),
            watched => {
                let is_open = || (self.depth() > 0).then_some(AbortReason::OpenSavepoint);
                self.rolled_back_by(watched).or_else(is_open)
            }
        }
    }

    /// Returns why the transaction is rolled back already, if it is.
    fn rolled_back_by(&self, watched: &TransactionStatus) -> Option<AbortReason> {
        match watched {
            TransactionStatus::Ended {
                committed: false,
                error,
            } => Some(self.because(error.clone())),
            TransactionStatus::Refused(error) => Some(AbortReason::CommitByBody(error.clone())),
            _ => None,
        }
    }

    /// Returns why the server gave the transaction up: the error that it named, or the first that the client saw.
    pub(crate) fn because(&self, error: Option<StatementError>) -> AbortReason {
        match (error, self.errors.first()) {
            (Some(error), _) => AbortReason::Statement(error),
            (None, Some(seen)) => seen.clone(),
            (None, None) => AbortReason::EndedByBody,
        }
    }
}

#[cfg(test)]
mod tests;
