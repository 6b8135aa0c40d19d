//! What is known about a connection and its transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared with the work on the connection's thread.
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
    /// The transaction is over, and the session did not end it: by COMMIT or not.
    ended: Option<bool>,
    raw: bool,
    touched: bool,
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
        state.ended = None;
        state.written = false;
    }
    pub(super) fn ended(&self) -> Option<bool> {
        self.state().ended
    }
    pub(super) fn set_ended(&self, committed: bool) {
        self.state().ended.get_or_insert(committed);
    }
    pub(super) fn set_raw(&self, raw: bool) {
        let mut state = self.state();
        state.raw = raw;
        state.touched |= raw;
    }
    pub(super) fn is_raw(&self) -> bool {
        self.state().raw
    }
    pub(super) fn take_raw(&self) -> bool {
        std::mem::take(&mut self.state().raw)
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
    /// What a reset is about to put back. True when that is not enough.
    pub(super) fn take_unclean(&self) -> bool {
        let mut state = self.state();
        state.touched = false;
        state.query_only = false;
        std::mem::take(&mut state.unclean)
    }
    pub(super) fn stop_running(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
