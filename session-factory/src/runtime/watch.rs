//! Finds connections whose runtime does not poll them.
//!
//! A current-thread runtime polls nothing while its thread is blocked, or outside of `block_on`. A statement may still
//! wait on a connection that such a runtime drives, because the session was moved to another thread, or because a
//! dropped session's recovery runs. While statements are in flight, this watch checks their connections, and moves each
//! connection that was not polled between two checks to the background runtime.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use crate::sync::Mutex;

/// The interval between checks. The background runtime takes over a connection that was not polled in between.
const TICK: Duration = Duration::from_millis(25);

/// A connection, as the watch sees it.
pub(super) trait Watched: Send + Sync {
    /// Returns how often the connection was polled so far.
    fn polls(&self) -> u64;

    /// True while a statement waits for an answer, on a runtime other than the background runtime.
    fn is_waiting(&self) -> bool;

    /// Sets whether the watch checks the connection. Returns the former value.
    fn set_watched(&self, watched: bool) -> bool;

    /// Moves the connection to the background runtime.
    fn take_over(&self);
}

struct Entry {
    watched: Weak<dyn Watched>,
    /// The number of polls at the last check.
    polls: Option<u64>,
}

struct List {
    entries: Vec<Entry>,
    is_running: bool,
}

static LIST: Mutex<List> = Mutex::new(List {
    entries: Vec::new(),
    is_running: false,
});

/// Watches a connection until no statement waits on it.
pub(super) fn watch(watched: Weak<dyn Watched>) {
    let mut list = LIST.lock();
    list.entries.push(Entry {
        watched,
        polls: None,
    });
    if !std::mem::replace(&mut list.is_running, true) {
        drop(list);
        // Cannot fail: without the background runtime there is no connection.
        let _no_runtime = super::spawn(run());
    }
}

/// Ends when there is nothing to watch, so that an idle process does not wake up.
async fn run() {
    loop {
        sleep(TICK).await;
        let mut entries = std::mem::take(&mut LIST.lock().entries);
        entries.retain_mut(|entry| {
            let watched = entry.watched.upgrade();
            watched.is_some_and(|watched| is_kept(&watched, &mut entry.polls))
        });
        let mut list = LIST.lock();
        list.entries.append(&mut entries);
        if list.entries.is_empty() {
            list.is_running = false;
            return;
        }
    }
}

fn is_kept(watched: &Arc<dyn Watched>, last: &mut Option<u64>) -> bool {
    if !watched.is_waiting() {
        watched.set_watched(false);
        // A statement that began just before may have relied on this watch: then keep the entry.
        return watched.is_waiting() && !watched.set_watched(true);
    }
    let polls = watched.polls();
    if last.replace(polls) != Some(polls) {
        return true;
    }
    watched.set_watched(false);
    watched.take_over();
    false
}
