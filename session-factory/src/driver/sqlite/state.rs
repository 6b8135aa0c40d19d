//! The driver's knowledge of a connection and its transaction.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use super::mark::Mark;
use crate::driver::TransactionEnd;
use crate::error::StatementError;
use crate::observe::Events;
use crate::sync::Mutex;

/// What the connection shares with its work on another thread.
#[derive(Debug, Default)]
pub(crate) struct ConnectionState {
    /// True if work that waits or loads rows should stop.
    stop: AtomicBool,
    /// True if the application has an instrumentation. It is read without the mutex, so that without an instrumentation
    /// no statement locks the mutex.
    has_events: AtomicBool,
    /// True if other connections share this one's cache and lock its tables.
    shares_cache: bool,
    /// True for a connection of the external pool, which gets it back unchanged.
    external: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    transaction: Observed,
    left_behind: LeftBehind,
    /// The mark of the transaction, while the body has the raw connection.
    raw: Option<Mark>,
    /// The receiver of a statement's events.
    events: Option<Events>,
}

/// What the driver saw of the current transaction.
#[derive(Debug, Default)]
struct Observed {
    end: Option<TransactionEnd>,
    /// The error of the statement that rolled the transaction back.
    error: Option<StatementError>,
    /// True if application code panicked during the transaction.
    panicked: bool,
    /// True if the body began a transaction on the raw connection and left it open.
    unbalanced: bool,
    /// True if a statement changed rows.
    written: bool,
}

/// The changes that a reset puts back.
#[derive(Debug, Default)]
struct LeftBehind {
    /// True if the body had the raw connection.
    touched: bool,
    unclean: bool,
    query_only: bool,
}

impl ConnectionState {
    pub(super) fn own(shares_cache: bool) -> Self {
        Self {
            shares_cache,
            ..Self::default()
        }
    }
    pub(super) fn external() -> Self {
        Self {
            external: true,
            // Unknown for an external pool, so assume a shared cache.
            shares_cache: true,
            ..Self::default()
        }
    }
    pub(super) fn is_external(&self) -> bool {
        self.external
    }
    pub(super) fn shares_cache(&self) -> bool {
        self.shares_cache
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
    pub(super) fn begin_watch(&self) {
        self.stop.store(false, Ordering::SeqCst);
        self.state().transaction = Observed::default();
    }
    pub(super) fn end(&self) -> Option<TransactionEnd> {
        self.state().transaction.end
    }
    /// Records how the transaction ended. Only the first end counts: later ones are of other transactions.
    pub(super) fn set_end(&self, end: TransactionEnd) {
        self.state().transaction.end.get_or_insert(end);
    }
    /// Records that the database rolled the whole transaction back when a statement failed.
    pub(super) fn set_rolled_back_by(&self, error: StatementError) {
        let transaction = &mut self.state().transaction;
        if transaction.end.is_none() {
            transaction.end = Some(TransactionEnd::RolledBack);
            transaction.error = Some(error);
        }
    }
    pub(super) fn error(&self) -> Option<StatementError> {
        self.state().transaction.error.clone()
    }
    /// Records a panic: the transaction must not commit, and the connection needs a reset.
    pub(super) fn set_panicked(&self) {
        let mut state = self.state();
        state.transaction.panicked = true;
        state.left_behind.unclean = true;
    }
    pub(super) fn has_panicked(&self) -> bool {
        self.state().transaction.panicked
    }
    /// Reads both under one lock, because every statement asks for them.
    pub(super) fn end_and_panic(&self) -> (Option<TransactionEnd>, bool) {
        let transaction = &self.state().transaction;
        (transaction.end, transaction.panicked)
    }
    pub(super) fn set_events(&self, events: Option<Events>) {
        self.has_events.store(events.is_some(), Ordering::Release);
        self.state().events = events;
    }
    pub(super) fn events(&self) -> Option<Events> {
        if !self.has_events.load(Ordering::Acquire) {
            return None;
        }
        self.state().events.clone()
    }
    /// Runs an application's statement, and forwards diesel's events about it to the instrumentation.
    pub(super) fn aloud<R>(&self, statement: impl FnOnce() -> R) -> R {
        match self.events() {
            Some(events) => events.aloud(statement),
            None => statement(),
        }
    }
    pub(super) fn set_touched(&self) {
        self.state().left_behind.touched = true;
    }
    pub(super) fn set_raw(&self, mark: Mark) {
        self.state().raw = Some(mark);
    }
    pub(super) fn is_raw(&self) -> bool {
        self.state().raw.is_some()
    }
    pub(super) fn take_raw(&self) -> Option<Mark> {
        self.state().raw.take()
    }
    pub(super) fn set_unbalanced(&self) {
        self.state().transaction.unbalanced = true;
    }
    pub(super) fn is_unbalanced(&self) -> bool {
        self.state().transaction.unbalanced
    }
    pub(super) fn set_unclean(&self) {
        self.state().left_behind.unclean = true;
    }
    /// Records that a statement returned rows that it changed.
    pub(super) fn set_written(&self) {
        self.state().transaction.written = true;
    }
    pub(super) fn has_written(&self) -> bool {
        self.state().transaction.written
    }
    /// True if the connection still refuses to write, because its last transaction was read-only.
    pub(super) fn is_query_only(&self) -> bool {
        self.state().left_behind.query_only
    }
    pub(super) fn set_query_only(&self, query_only: bool) {
        self.state().left_behind.query_only = query_only;
    }
    pub(super) fn needs_reset(&self) -> bool {
        let left_behind = &self.state().left_behind;
        left_behind.touched || left_behind.unclean
    }
    /// Clears what a reset is about to put back.
    pub(super) fn put_back(&self) {
        self.state().left_behind = LeftBehind::default();
    }
    pub(super) fn stop_running(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
    /// Clears the request to stop: the stopped work has ended, and what follows must run.
    pub(super) fn go_on(&self) {
        self.stop.store(false, Ordering::SeqCst);
    }
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
