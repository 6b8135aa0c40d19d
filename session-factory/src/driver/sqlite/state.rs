//! The driver's knowledge of a connection and its transaction.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use super::mark::Mark;
use super::transaction_end::TransactionEnd;
use crate::error::StatementError;
use crate::observe::Events;
use crate::sync::Mutex;

/// Shared between the connection and its work on another thread.
#[derive(Debug, Default)]
pub(crate) struct ConnectionState {
    /// True if work that waits or loads rows should stop.
    stop: AtomicBool,
    /// True if the application has an instrumentation. Without one, no statement locks the mutex
    /// for it.
    has_events: AtomicBool,
    /// True if other connections share this one's cache and lock its tables.
    shares_cache: bool,
    /// True for a connection of the external pool, which gets it back unchanged.
    foreign: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
struct State {
    end: Option<TransactionEnd>,
    /// The error of the statement that rolled the transaction back.
    error: Option<StatementError>,
    /// True if application code panicked in the open transaction.
    panicked: bool,
    /// The mark of the transaction, while the body has the raw connection.
    raw: Option<Mark>,
    touched: bool,
    /// True if the body left a transaction of its own open on the raw connection.
    unbalanced: bool,
    /// The receiver of a statement's events.
    events: Option<Events>,
    unclean: bool,
    query_only: bool,
    written: bool,
}

impl ConnectionState {
    pub(super) fn own(shares_cache: bool) -> Self {
        Self {
            shares_cache,
            ..Self::default()
        }
    }
    pub(super) fn foreign() -> Self {
        Self {
            foreign: true,
            // The external pool does not say, so assume it.
            shares_cache: true,
            ..Self::default()
        }
    }
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }
    pub(super) fn shares_cache(&self) -> bool {
        self.shares_cache
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
    pub(super) fn begin_watch(&self) {
        self.stop.store(false, Ordering::SeqCst);
        let mut state = self.state();
        state.end = None;
        state.error = None;
        state.panicked = false;
        state.unbalanced = false;
        state.written = false;
    }
    pub(super) fn end(&self) -> Option<TransactionEnd> {
        self.state().end
    }
    /// Keeps the first end, which is the transaction's own.
    pub(super) fn set_end(&self, end: TransactionEnd) {
        self.state().end.get_or_insert(end);
    }
    /// Records that the database rolled the whole transaction back when a statement failed.
    pub(super) fn set_rolled_back_by(&self, error: StatementError) {
        let mut state = self.state();
        if state.end.is_none() {
            state.end = Some(TransactionEnd::RolledBack);
            state.error = Some(error);
        }
    }
    pub(super) fn error(&self) -> Option<StatementError> {
        self.state().error.clone()
    }
    /// Records a panic: the transaction must not commit, and the connection needs a reset.
    pub(super) fn set_panicked(&self) {
        let mut state = self.state();
        state.panicked = true;
        state.unclean = true;
    }
    pub(super) fn has_panicked(&self) -> bool {
        self.state().panicked
    }
    /// Reads both under one lock, because every statement asks for them.
    pub(super) fn end_and_panic(&self) -> (Option<TransactionEnd>, bool) {
        let state = self.state();
        (state.end, state.panicked)
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
    /// Runs a statement of the application's, whose diesel events reach the instrumentation.
    pub(super) fn aloud<R>(&self, statement: impl FnOnce() -> R) -> R {
        match self.events() {
            Some(events) => events.aloud(statement),
            None => statement(),
        }
    }
    pub(super) fn set_touched(&self) {
        self.state().touched = true;
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
        self.state().unbalanced = true;
    }
    pub(super) fn is_unbalanced(&self) -> bool {
        self.state().unbalanced
    }
    pub(super) fn set_unclean(&self) {
        self.state().unclean = true;
    }
    /// Records that a statement returned rows that it changed.
    pub(super) fn set_written(&self) {
        self.state().written = true;
    }
    pub(super) fn has_written(&self) -> bool {
        self.state().written
    }
    /// True if the connection refuses to write since its last transaction, a read-only one.
    pub(super) fn is_query_only(&self) -> bool {
        self.state().query_only
    }
    pub(super) fn set_query_only(&self, query_only: bool) {
        self.state().query_only = query_only;
    }
    pub(super) fn needs_reset(&self) -> bool {
        let state = self.state();
        state.touched || state.unclean
    }
    /// Clears what a reset is about to put back.
    pub(super) fn put_back(&self) {
        let mut state = self.state();
        state.touched = false;
        state.unclean = false;
        state.query_only = false;
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
