//! Finds connections whose runtime does not poll them.
//!
//! A runtime of one thread polls nothing while its thread is blocked, or outside of `block_on`. A statement may wait on
//! a connection that such a runtime drives: the session was moved to another thread, or the recovery of a dropped
//! session runs. While statements are under way this watch looks at their connections, and lets the background runtime
//! take over what was not polled for a while.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use crate::sync::Mutex;

/// How often the watch looks. A connection that was not polled between two looks is taken over.
const TICK: Duration = Duration::from_millis(25);

/// A connection, as the watch sees it.
pub(super) trait Watched: Send + Sync {
    /// How often it was polled so far.
    fn polls(&self) -> u64;

    /// True while a statement waits for an answer, on a runtime other than the background runtime.
    fn is_waiting(&self) -> bool;

    /// Whether the watch looks at it. Returns the former value.
    fn set_watched(&self, watched: bool) -> bool;

    /// Lets the background runtime drive it.
    fn take_over(&self);
}

struct Entry {
    watched: Weak<dyn Watched>,
    /// The polls at the last look.
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
        // A connection could not exist without the background runtime.
        let _no_runtime = super::spawn(run());
    }
}

/// Ends when there is nothing to watch: an idle process does not wake up.
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
        // A statement that began meanwhile may have found the connection watched.
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
