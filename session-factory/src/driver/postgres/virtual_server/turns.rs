//! Whose transaction is open, and who waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::sync::Mutex;

/// The open transactions: each lies inside of the one before.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Open>,
    waiting: VecDeque<u32>,
}

#[derive(Debug)]
struct Open {
    process: u32,
    since: Instant,
    /// The functions whose transactions were committed inside of this one.
    committed: Vec<String>,
}

/// Who has the turn that another client waits for.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) process: u32,
    pub(super) held_for: Duration,
}

impl Turns {
    /// Waits until this client's transaction may begin. `may_be_inside` says whether it may lie inside of another client's.
    pub(super) async fn begin(
        &self,
        process: u32,
        within: Duration,
        may_be_inside: impl Fn(u32) -> bool,
    ) -> Result<(), Holder> {
        self.wait(process, within, |state| {
            let is_first = state.waiting.front().is_none_or(|first| *first == process);
            let may = match state.open.last() {
                None => is_first,
                Some(holder) => may_be_inside(holder.process),
            };
            if may {
                state.open.push(Open {
                    process,
                    since: Instant::now(),
                    committed: Vec::new(),
                });
            }
            may
        })
        .await
    }

    /// Waits until no other client's transaction lies inside of this client's.
    pub(super) async fn go_on(&self, process: u32, within: Duration) -> Result<(), Holder> {
        let is_last = |state: &mut State| {
            let last = state.open.last();
            last.is_none_or(|last| last.process == process)
        };
        self.wait(process, within, is_last).await
    }

    async fn wait(
        &self,
        process: u32,
        within: Duration,
        mut may: impl FnMut(&mut State) -> bool,
    ) -> Result<(), Holder> {
        let started = Instant::now();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                if may(&mut state) {
                    state.waiting.retain(|waiting| *waiting != process);
                    return Ok(());
                }
                if !state.waiting.contains(&process) {
                    state.waiting.push_back(process);
                }
            }
            let left = within.saturating_sub(started.elapsed());
            if tokio::time::timeout(left, changed).await.is_err() {
                let mut state = self.state.lock();
                state.waiting.retain(|waiting| *waiting != process);
                drop(state);
                self.changed.notify_waiters();
                let state = self.state.lock();
                if let Some(last) = state.open.last() {
                    return Err(Holder {
                        process: last.process,
                        held_for: last.since.elapsed(),
                    });
                }
            }
        }
    }

    /// The client's transaction is committed: for the one around it, this is what `function` did.
    pub(super) fn committed(&self, process: u32, function: Option<String>) {
        let mut state = self.state.lock();
        let ended = pop(&mut state, process);
        if let (Some(ended), Some(around)) = (ended, state.open.last_mut()) {
            around.committed.extend(ended.committed);
            around.committed.extend(function);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// The client's transaction is rolled back. Returns what was committed inside of it.
    pub(super) fn rolled_back(&self, process: u32) -> Vec<String> {
        let mut state = self.state.lock();
        let ended = pop(&mut state, process);
        drop(state);
        self.changed.notify_waiters();
        ended.map(|ended| ended.committed).unwrap_or_default()
    }

    /// What was committed inside of the client's open transaction.
    pub(super) fn committed_inside(&self, process: u32) -> Vec<String> {
        let state = self.state.lock();
        let open = state.open.iter().find(|open| open.process == process);
        open.map(|open| open.committed.clone()).unwrap_or_default()
    }
}

fn pop(state: &mut State, process: u32) -> Option<Open> {
    let at = state.open.iter().position(|open| open.process == process)?;
    Some(state.open.remove(at))
}
