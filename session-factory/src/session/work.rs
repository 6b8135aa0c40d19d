//! What a session knows about its transaction: what it sent, what it still has to send, what went wrong.

use std::borrow::Cow;

use diesel::result::Error;

use super::attempt::Attempt;
use super::transaction::history::Loss;
use super::transaction::savepoints::Savepoints;
use crate::call::TransactionOptions;
use crate::driver::{Ahead, CommitSent, Running, Watched};
use crate::error::{
    AbortReason, Aborted, CommittedPart, PartlyCommitted, SessionError, StatementError,
    StatementErrorKind,
};
use crate::observe::{Change, Echo, Step};

/// The session's state over its transactions, which follow one another on the same connection.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(crate) struct Work {
    begin: Begin,
    /// BEGIN was sent.
    begun: bool,
    /// COMMIT or ROLLBACK is under way.
    ending: Option<Ending>,
    /// A transaction of this session was committed.
    committed: bool,
    /// The body's SQL committed it, instead of the session.
    committed_by_body: bool,
    /// A rollback to a savepoint is on its way.
    undoing: bool,
    /// A statement changed rows.
    wrote: bool,
    /// A statement failed in a way that another attempt may heal.
    met_conflict: bool,
    /// BEGIN failed and no statement has been sent since: the server did nothing for the body.
    refused: bool,
    /// An error has already reported that the body ended the transaction.
    parted: bool,
    /// The body called `commit()`, and it failed.
    lost: Option<Box<Loss>>,
    /// The call's result or the caller itself says what became of the work. Otherwise (the body's `Err`, a panic, a
    /// dropped call) the recovery reports what the body's SQL committed.
    answered_for: bool,
    attempt: Attempt,
    /// A statement's future was polled and has not resolved.
    in_flight: bool,
    /// COMMIT goes out behind that statement.
    commit_sent: Option<CommitSent>,
    /// Rows of a statement may still be on their way.
    streaming: bool,
    /// The body has borrowed the raw connection: statements may run without the session's notice.
    raw: bool,
    /// The driver has to end a dropped statement before it sends the next one.
    settle: bool,
    savepoints: Savepoints,
    /// The level of the innermost savepoint that ends with its closure. A caller may end only deeper savepoints by
    /// hand. The level outlives the transaction, as the closure does.
    closure_level: u32,
    /// Boxed, like `first_error`: the session is part of its caller's future, and faults are rare.
    fault: Option<Box<Fault>>,
    rollback_only: bool,
    /// The transaction comes from `begin_test_transaction`.
    test: bool,
    /// The server refused to write although the caller asked for no read-only transaction.
    met_read_only: bool,
    /// The first error of a statement, as the client saw it.
    first_error: Option<Box<Fault>>,
    pub(crate) echo: Option<Echo>,
}

const COMMITTED_BY_BODY: &str = "yet not all of its work is rolled back: a statement of the body committed the \
     transaction by itself, and what came before it is kept; call db.commit() where that is meant";

/// Says what stays, as far as it is known.
fn kept(parts: &PartlyCommitted) -> String {
    let claim = match parts {
        PartlyCommitted::EndedUnseen => "a part of its work may be committed",
        _ => "yet not all of its work is rolled back",
    };
    format!("{claim}: {parts}")
}

/// How the transaction begins. The session asks for the backend's SQL when it needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) sql: fn(&TransactionOptions) -> Cow<'static, str>,
    pub(crate) options: TransactionOptions,
}

/// The command that ends the transaction and is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Commit,
    Rollback,
}

#[derive(Debug, Clone)]
struct Fault {
    reason: AbortReason,
    /// How many savepoints were open: rolling one of them back removes the fault.
    depth: u32,
}

impl Fault {
    #[allow(clippy::unnecessary_box_returns)] // nobody wants one that is not
    fn boxed(reason: AbortReason, depth: u32) -> Box<Self> {
        Box::new(Self { reason, depth })
    }
}

impl Work {
    pub(crate) fn new(begin: Begin, echo: Option<Echo>) -> Self {
        Self {
            begin,
            begun: false,
            ending: None,
            committed: false,
            committed_by_body: false,
            undoing: false,
            wrote: false,
            met_conflict: false,
            refused: false,
            parted: false,
            lost: None,
            answered_for: false,
            attempt: Attempt::ONLY,
            in_flight: false,
            commit_sent: None,
            streaming: false,
            raw: false,
            settle: false,
            savepoints: Savepoints::default(),
            closure_level: 0,
            fault: None,
            rollback_only: false,
            test: false,
            met_read_only: false,
            first_error: None,
            echo,
        }
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.begin.options.read_only
    }

    pub(crate) fn met_read_only(&self) -> bool {
        self.met_read_only
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.raw
    }

    pub(crate) fn set_raw(&mut self) {
        self.raw = true;
    }

    /// How many savepoints are open.
    pub(crate) fn depth(&self) -> u32 {
        self.savepoints.depth()
    }

    pub(crate) fn set_rollback_only(&mut self) {
        self.rollback_only = true;
    }

    /// Marks the transaction as a test's, which only ever rolls back; diesel's transaction status says so too.
    pub(crate) fn set_test(&mut self) {
        self.rollback_only = true;
        self.test = true;
    }

    pub(crate) fn is_test(&self) -> bool {
        self.test
    }

    /// True when the transaction cannot go on.
    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// The transaction is over; the next statement begins another.
    pub(crate) fn ended(&mut self) {
        *self = Self {
            met_read_only: self.met_read_only,
            committed: self.committed,
            committed_by_body: self.committed_by_body,
            lost: self.lost.take(),
            answered_for: self.answered_for,
            attempt: self.attempt,
            closure_level: self.closure_level,
            ..Self::new(self.begin, self.echo.take())
        };
    }

    /// The transaction was committed.
    pub(crate) fn committed(&mut self) {
        self.committed |= self.begun;
        self.ended();
    }

    /// The body's SQL committed the transaction. Gives the error if the session still had something to roll back in it.
    fn end_by_body(&mut self) -> Option<SessionError> {
        if self.rollback_only || self.undoing || self.savepoints.must_undo() || self.fault.is_some()
        {
            return Some(self.kept());
        }
        let savepoints = self.savepoints.cut();
        self.committed();
        self.committed_by_body = true;
        self.savepoints = savepoints;
        None
    }

    /// True when the body's SQL committed a part of the session's work.
    pub(crate) fn is_committed_by_body(&self) -> bool {
        self.committed_by_body
    }

    /// The error for work that the session had to roll back after the body's SQL had committed it.
    pub(crate) fn kept(&mut self) -> SessionError {
        self.part(&PartlyCommitted::EndedByBody(CommittedPart::Before))
    }

    /// Why the transaction is rolled back. If the body's SQL committed an earlier one, the error says partly committed.
    pub(crate) fn aborted(&mut self, reason: AbortReason) -> SessionError {
        if self.committed_by_body {
            self.kept()
        } else {
            Aborted::new(reason).into()
        }
    }

    /// True when this level's savepoint ended with a transaction that the body's SQL committed.
    pub(crate) fn is_gone(&self, level: u32) -> bool {
        self.savepoints.is_gone(level)
    }

    /// The body called `commit()`, and it failed: a later `Ok` from the body would be false.
    pub(crate) fn lose(&mut self, error: &SessionError) {
        self.lost = Loss::of(error).map(Box::new);
    }

    /// The body has acknowledged the loss by calling `rollback()`.
    pub(crate) fn forget_loss(&mut self) {
        self.lost = None;
    }

    /// The error that replaces the body's `Ok`.
    pub(crate) fn loss(&self) -> Option<SessionError> {
        self.lost.as_deref().map(Loss::error)
    }

    pub(crate) fn set_answered_for(&mut self) {
        self.answered_for = true;
    }

    pub(crate) fn is_answered_for(&self) -> bool {
        self.answered_for
    }

    /// Describes the work that the body's SQL has committed or may have committed.
    pub(crate) fn kept_by_body(&self) -> Option<String> {
        match self.lost.as_deref() {
            Some(Loss::Partly(parts)) => Some(kept(parts)),
            _ => self.committed_by_body.then(|| COMMITTED_BY_BODY.to_owned()),
        }
    }

    /// The same, from what the driver knows about the session's open transaction.
    pub(crate) fn kept_of(watched: &Watched) -> Option<String> {
        match watched {
            Watched::Parted(parts) => Some(kept(parts)),
            Watched::Ended {
                committed: true, ..
            } => Some(COMMITTED_BY_BODY.to_owned()),
            _ => None,
        }
    }

    /// True when this session has already committed something.
    pub(crate) fn has_committed(&self) -> bool {
        self.committed
    }

    pub(crate) fn set_wrote(&mut self) {
        self.wrote = true;
    }

    /// True when every statement succeeded and some wrote: a caller that drops such work has probably forgotten to
    /// commit it.
    pub(crate) fn is_worth_a_commit(&self, written: bool) -> bool {
        self.begun
            && (self.wrote || written)
            && !self.rollback_only
            && self.ending.is_none()
            && self.first_error.is_none()
            && self.fault.is_none()
            && !self.in_flight
    }

    pub(crate) fn met_conflict(&self) -> bool {
        self.met_conflict
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

    /// The same for an error of COMMIT.
    pub(crate) fn counted_statement(&self, error: StatementError) -> StatementError {
        self.attempt.counted_statement(error)
    }

    pub(crate) fn set_ending(&mut self, ending: Option<Ending>) {
        self.ending = ending;
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// What the recovery finds under way.
    pub(crate) fn running(&self) -> Running {
        let rolling_back = self.ending == Some(Ending::Rollback);
        if self.ending == Some(Ending::Commit) {
            Running::End
        } else if self.in_flight || self.streaming || self.settle || rolling_back {
            // A dropped ROLLBACK may have been waiting behind a statement.
            Running::Statement
        } else {
            Running::Nothing
        }
    }

    /// Updates the state by the server's messages before the session sends the next statement.
    ///
    /// # Errors
    /// When the transaction cannot go on.
    pub(crate) fn check(&mut self, watched: &Watched) -> Result<(), SessionError> {
        self.abandoned();
        if let Some(error) = self.note_end(watched) {
            return Err(error);
        }
        if let (
            true,
            Watched::Ended {
                committed: false,
                error,
            },
        ) = (self.begun, watched)
        {
            let reason = self.because(error.clone());
            self.fault = Some(Fault::boxed(reason, 0));
        }
        if let Some(fault) = &self.fault {
            let reason = fault.reason.clone();
            return Err(self.aborted(reason));
        }
        if self.ending == Some(Ending::Commit) {
            // A statement sent after COMMIT would run outside any transaction.
            return Err(SessionError::CommitUnknown(StatementError::connection(
                "its future was dropped; commit() waits for the answer",
            )));
        }
        Ok(())
    }

    /// Notes that something other than the session ended the transaction and committed it, or may have.
    #[inline]
    pub(crate) fn note_end(&mut self, watched: &Watched) -> Option<SessionError> {
        match watched {
            _ if !self.begun => None,
            Watched::Parted(parts) => Some(self.part(parts)),
            Watched::Ended {
                committed: true, ..
            } => self.end_by_body(),
            _ => None,
        }
    }

    /// A part of the work is committed: `Ok` would be false, and another attempt would do that part twice.
    pub(crate) fn part(&mut self, parts: &PartlyCommitted) -> SessionError {
        self.committed = true;
        self.parted = true;
        let parts = match parts {
            // The body's SQL ends a transaction for the second time: the work before the first end is committed.
            PartlyCommitted::EndedByBody(part) if self.committed_by_body => {
                PartlyCommitted::EndedByBody(part.behind_a_commit())
            }
            parts => parts.clone(),
        };
        let error = SessionError::from(parts);
        self.lose(&error);
        error
    }

    /// The same if no error has reported it yet.
    pub(crate) fn newly_parted(&mut self, watched: &Watched) -> Option<SessionError> {
        match watched {
            Watched::Parted(parts) if self.begun && !self.parted => Some(self.part(parts)),
            _ => None,
        }
    }

    /// The prelude of the next statement.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead {
            settle: self.settle,
            begin: (!self.begun).then(|| (self.begin.sql)(&self.begin.options)),
            control: self.savepoints.text(),
            ..Ahead::default()
        }
    }

    /// The prelude as steps, for an instrumentation that sees each of them.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let begin = (!self.begun)
            .then(|| Step::outermost(Change::Begin, (self.begin.sql)(&self.begin.options)));
        begin.into_iter().chain(self.savepoints.steps()).collect()
    }

    /// How the open savepoints end if the transaction ends now.
    pub(crate) fn left_savepoints(&self) -> Vec<Step> {
        self.savepoints.left().collect()
    }

    /// The statement's future was polled for the first time: the statement and its prelude are on their way.
    pub(crate) fn sent(&mut self) {
        self.begun = true;
        self.refused = false;
        self.in_flight = true;
        self.streaming = false;
        self.settle = false;
        self.undoing |= self.savepoints.must_undo();
        self.savepoints.sent();
    }

    /// BEGIN itself failed: there is no transaction.
    pub(crate) fn not_begun(&mut self) {
        self.begun = false;
        self.refused = true;
        self.in_flight = false;
        self.savepoints.forget();
    }

    /// The statement's future resolved.
    pub(crate) fn answered(&mut self) {
        self.in_flight = false;
        self.commit_sent = None;
    }

    /// The server has done the prelude.
    pub(crate) fn went_ahead(&mut self) {
        self.undoing = false;
    }

    pub(crate) fn set_streaming(&mut self, streaming: bool) {
        self.streaming = streaming;
    }

    pub(crate) fn failed(&mut self, error: &StatementError) {
        self.met_conflict |= error.is_transient();
        self.met_read_only |= error.is_read_only() && !self.begin.options.read_only;
        if self.first_error.is_none() {
            let reason = AbortReason::Statement(error.clone());
            self.first_error = Some(Fault::boxed(reason, self.depth()));
        }
    }

    /// The last statement failed and its transaction is over: later statements fail until the caller acknowledges it
    /// with `rollback()`.
    pub(crate) fn gave_up(&mut self, error: &Error) {
        let error = StatementError::from(error);
        self.failed(&error);
        self.fault = Some(Fault::boxed(AbortReason::Statement(error), 0));
    }

    /// The last statement failed before the database saw it: the transaction goes on there, but lacks that statement.
    pub(crate) fn failed_unsent(&mut self, error: &Error) {
        let error = StatementError::from(error).unsent();
        let (reason, depth) = (AbortReason::Statement(error), self.depth());
        self.fault
            .get_or_insert_with(|| Fault::boxed(reason, depth));
    }

    /// The last statement was refused, as its transaction is over for `reason`.
    pub(crate) fn refused_for(&mut self, reason: AbortReason) {
        self.fault.get_or_insert_with(|| Fault::boxed(reason, 0));
    }

    /// SAVEPOINT, RELEASE or ROLLBACK TO failed, for example because the body's SQL had ended that savepoint. Work that
    /// had to be undone is still there, so the session must not commit, even if the database would.
    pub(crate) fn control_failed(&mut self, error: &Error) {
        if !matches!(error, Error::DatabaseError(..)) {
            return;
        }
        let error = StatementError::from(error);
        if error.kind != StatementErrorKind::Connection {
            let depth = self.depth();
            self.fault
                .get_or_insert_with(|| Fault::boxed(AbortReason::Statement(error), depth));
        }
    }

    /// The statement's future was dropped before it resolved.
    pub(crate) fn dropped(&mut self) {
        self.in_flight = false;
        self.settle = true;
        let depth = self.depth();
        self.fault
            .get_or_insert_with(|| Fault::boxed(AbortReason::StatementDropped, depth));
    }

    /// COMMIT goes out behind the statement that was just sent.
    pub(super) fn set_commit_sent(&mut self, sent: CommitSent) {
        self.commit_sent = Some(sent);
    }

    /// The statement's future is gone, or forgotten (`mem::forget`), and has not resolved. A COMMIT behind it may have
    /// been sent.
    pub(crate) fn abandoned(&mut self) {
        if !self.in_flight {
            return;
        }
        if self.commit_sent.take().is_some_and(|sent| sent.get()) {
            self.in_flight = false;
            self.ending = Some(Ending::Commit);
        } else {
            self.dropped();
        }
    }

    /// Opens a savepoint and returns its level.
    pub(crate) fn savepoint(&mut self) -> u32 {
        self.savepoints.open()
    }

    /// A closure whose savepoint has this level begins or ends. Returns the level of the enclosing closure.
    pub(crate) fn set_closure_level(&mut self, level: u32) -> u32 {
        std::mem::replace(&mut self.closure_level, level)
    }

    /// The level of the savepoint that `call` of diesel-async's `TransactionManager` ends.
    ///
    /// # Errors
    /// When the caller began no savepoint: the innermost one belongs to a closure, or the transaction to the session.
    /// The session lets it end only in a rollback, because the caller may have meant to undo it.
    pub(crate) fn begun_by_hand(&mut self, call: &'static str) -> Result<u32, SessionError> {
        let level = self.depth();
        if level > self.closure_level {
            return Ok(level);
        }
        self.fault
            .get_or_insert_with(|| Fault::boxed(AbortReason::NotBegun(call), level));
        Err(SessionError::NotBegun(call))
    }

    /// The error of a transaction that cannot go on, for the savepoint of this level: what was ended there without a
    /// begin is undone with it, and the transaction does go on.
    pub(crate) fn of_savepoint(&self, level: u32, error: SessionError) -> SessionError {
        match (&self.fault, error) {
            (Some(fault), SessionError::Aborted(aborted))
                if fault.depth >= level && matches!(aborted.reason(), AbortReason::NotBegun(_)) =>
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

    /// Rolls back to this level's savepoint. True when the session has to send ROLLBACK TO.
    pub(crate) fn undo(&mut self, level: u32) -> bool {
        self.abandoned();
        let inside = |fault: &mut Box<Fault>| fault.depth >= level;
        self.fault.take_if(inside);
        self.first_error.take_if(inside);
        self.savepoints.undo(level)
    }

    /// True when the session has to send something before COMMIT.
    pub(crate) fn must_flush(&self) -> bool {
        self.settle || self.savepoints.must_undo()
    }

    /// Why the transaction cannot be committed, if so.
    pub(crate) fn verdict(&mut self, watched: Watched) -> Option<SessionError> {
        self.abandoned();
        if let Some(error) = self.note_end(&watched) {
            return Some(error);
        }
        let reason = self.reason(watched)?;
        Some(self.aborted(reason))
    }

    fn reason(&mut self, watched: Watched) -> Option<AbortReason> {
        if self.rollback_only {
            return Some(AbortReason::RollbackOnly);
        }
        if let Some(fault) = &self.fault {
            return Some(fault.reason.clone());
        }
        if !self.begun {
            return self.refused.then(|| self.because(None));
        }
        match watched {
            Watched::Failed(error)
            | Watched::Ended {
                committed: false,
                error,
            } => Some(self.because(error)),
            Watched::Unbalanced => Some(AbortReason::OpenSavepoint),
            _ if self.depth() > 0 => Some(AbortReason::OpenSavepoint),
            _ => None,
        }
    }

    /// Why the server gave the transaction up: the error that it named, or the first one that the client saw.
    pub(crate) fn because(&self, error: Option<StatementError>) -> AbortReason {
        match (error, &self.first_error) {
            (Some(error), _) => AbortReason::Statement(error),
            (None, Some(seen)) => seen.reason.clone(),
            (None, None) => AbortReason::EndedByBody,
        }
    }
}

#[cfg(test)]
mod tests;
