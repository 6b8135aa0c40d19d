//! Records which calls hold the connections, and since when.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::Notify;

use crate::call::Origin;
use crate::driver::Kill;
use crate::error::Holder;
use crate::observe::{Activity, Holders, Leak, Monitor};
use crate::sync::Mutex;

/// The connections in use.
#[derive(Debug, Default)]
pub(super) struct Registry {
    entries: Mutex<Slab<Entry>>,
    next: AtomicU64,
    waiting: AtomicU32,
    returned: Notify,
}

#[derive(Debug)]
struct Entry {
    holder: Origin,
    since: Instant,
    /// When the session got the connection, and how long the session had waited for it.
    lent: Instant,
    waited: Duration,
    recovering: bool,
    kill: Option<Kill>,
    activity: Option<Arc<Activity>>,
    /// The monitor to which the connection was reported as held for too long.
    leaked: Option<Arc<Monitor>>,
}

impl Entry {
    fn leak(&self) -> Leak {
        Leak {
            holder: self.holder,
            held_for: self.lent.elapsed(),
            activity: self.activity.clone(),
        }
    }
}

impl Registry {
    fn entries(&self) -> MutexGuard<'_, Slab<Entry>> {
        self.entries.lock()
    }

    /// Adds a connection that the pool lends.
    pub(super) fn enter(
        self: &Arc<Self>,
        holder: Origin,
        since: Instant,
        waited: Duration,
        kill: Option<Kill>,
    ) -> Ticket {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = self.entries().insert(Entry {
            holder,
            since,
            lent: since,
            waited,
            recovering: false,
            kill,
            activity: None,
            leaked: None,
        });
        Ticket {
            number,
            place,
            registry: Arc::clone(self),
        }
    }

    /// Counts a caller as waiting until the guard is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(self))
    }

    pub(super) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the number of connections that sessions use, and the number that recovery holds.
    pub(super) fn counts(&self) -> (u32, u32) {
        let entries = self.entries();
        let recovering = entries.iter().filter(|(_, entry)| entry.recovering).count();
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        (count(entries.len() - recovering), count(recovering))
    }

    pub(super) fn holders(&self) -> Vec<Holder> {
        let mut holders: Vec<_> = self
            .entries()
            .iter()
            .map(|(_, entry)| Holder {
                holder: entry.holder.to_string(),
                held_for: entry.since.elapsed(),
                recovering: entry.recovering,
            })
            .collect();
        holders.sort_by_key(|holder| std::cmp::Reverse(holder.held_for));
        holders
    }

    /// Returns the calls that hold the connections now.
    pub(super) fn seen(&self, now: Instant) -> Holders {
        let mut holders = Holders::none(now);
        for (_, entry) in self.entries().iter() {
            holders.add(entry.holder, entry.lent);
        }
        holders
    }

    /// Returns the connections that sessions have held for longer than `threshold`, and returns each only once.
    pub(super) fn leaks(&self, threshold: Duration, monitor: &Arc<Monitor>) -> Vec<Leak> {
        let mut leaks = Vec::new();
        for (_, entry) in self.entries().iter_mut() {
            let held_for = entry.lent.elapsed();
            if held_for >= threshold && !entry.recovering && entry.leaked.is_none() {
                entry.leaked = Some(Arc::clone(monitor));
                leaks.push(entry.leak());
            }
        }
        leaks
    }

    /// Kills every connection in use. Returns their number.
    pub(super) fn kill_all(&self) -> usize {
        let kills: Vec<_> = self
            .entries()
            .iter()
            .map(|(_, entry)| entry.kill.clone())
            .collect();
        for kill in kills.iter().flatten() {
            (kill.0)();
        }
        kills.len()
    }

    /// Returns when no connection is in use.
    pub(super) async fn empty(&self) {
        loop {
            let returned = self.returned.notified();
            tokio::pin!(returned);
            returned.as_mut().enable();
            if self.entries().is_empty() {
                return;
            }
            returned.await;
        }
    }
}

/// One connection's entry; dropping the ticket removes it.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    /// The entry's index.
    place: usize,
    registry: Arc<Registry>,
}

impl Ticket {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the call that holds the connection.
    pub(super) fn holder(&self) -> Option<String> {
        let entries = self.registry.entries();
        entries
            .get(self.place)
            .map(|entry| entry.holder.to_string())
    }

    /// Returns when the session got the connection, and how long the session had waited for it.
    pub(super) fn lent(&self) -> Option<(Instant, Duration)> {
        let entries = self.registry.entries();
        let entry = entries.get(self.place)?;
        Some((entry.lent, entry.waited))
    }

    /// Lets the entry's reports show what the session does.
    pub(super) fn watch(&self, activity: Arc<Activity>) {
        if let Some(entry) = self.registry.entries().get_mut(self.place) {
            entry.activity = Some(activity);
        }
    }

    /// Records that the session was dropped, and recovery holds the connection.
    pub(super) fn recovering(&self) {
        if let Some(entry) = self.registry.entries().get_mut(self.place) {
            entry.recovering = true;
            entry.since = Instant::now();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let entry = self.registry.entries().try_remove(self.place);
        self.registry.returned.notify_waiters();
        if let Some(entry) = entry
            && let Some(monitor) = &entry.leaked
        {
            monitor.returned(&entry.leak());
        }
    }
}

/// A waiting caller.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Registry>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
