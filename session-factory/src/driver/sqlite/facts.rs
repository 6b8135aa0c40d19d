//! What is known about a connection and its transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ends::Ends;
use super::raw::Raw;
use crate::error::PartlyCommitted;

/// Shared with the work on another thread.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Whoever waits or loads rows should stop.
    stop: AtomicBool,
    /// Of the application's pool, which gets it back as it was.
    foreign: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
struct State {
    /// Whether the transaction is over, and the session did not end it.
    ends: Ends,
    /// The raw connection is out.
    raw: Option<Raw>,
    touched: bool,
    /// A transaction of the raw connection was left half-way.
    unbalanced: bool,
    /// The application reads what runs on the connection: nobody else can.
    instrumented: bool,
    unclean: bool,
    query_only: bool,
    written: bool,
}

impl Facts {
    pub(super) fn foreign() -> Self {
        Self {
            foreign: true,
            ..Self::default()
        }
    }
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn begin_watch(&self) {
        self.stop.store(false, Ordering::SeqCst);
        let mut state = self.state();
        state.ends = Ends::default();
        state.unbalanced = false;
        state.written = false;
    }
    pub(super) fn ended(&self) -> Option<bool> {
        self.state().ends.own()
    }
    pub(super) fn set_ended(&self, committed: bool) {
        self.state().ends.set_own(committed);
    }
    /// Something ran behind the end, and outside of the transaction.
    pub(super) fn parted(&self) -> Option<PartlyCommitted> {
        self.state().ends.parted()
    }
    pub(super) fn with_ends(&self, note: impl FnOnce(&mut Ends)) {
        note(&mut self.state().ends);
    }
    pub(super) fn set_touched(&self) {
        self.state().touched = true;
    }
    pub(super) fn set_raw(&self, raw: Raw) {
        self.state().raw = Some(raw);
    }
    pub(super) fn take_raw(&self) -> Option<Raw> {
        self.state().raw.take()
    }
    pub(super) fn set_unbalanced(&self) {
        self.state().unbalanced = true;
    }
    pub(super) fn is_unbalanced(&self) -> bool {
        self.state().unbalanced
    }
    pub(super) fn set_instrumented(&self, instrumented: bool) {
        self.state().instrumented = instrumented;
    }
    pub(super) fn is_instrumented(&self) -> bool {
        self.state().instrumented
    }
    pub(super) fn set_unclean(&self) {
        self.state().unclean = true;
    }
    /// A statement returned the rows that it changed.
    pub(super) fn set_written(&self) {
        self.state().written = true;
    }
    pub(super) fn has_written(&self) -> bool {
        self.state().written
    }
    /// The connection refuses to write: its last transaction was a read-only one.
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
    /// A reset is about to put everything back.
    pub(super) fn put_back(&self) {
        let mut state = self.state();
        state.touched = false;
        state.unclean = false;
        state.query_only = false;
    }
    pub(super) fn stop_running(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
