//! The threads that work on connections. (What a transaction does that may write is done on the writers' thread.)
//!
//! There are as many as connections, so a slow statement keeps nobody waiting but its caller. They share one queue,
//! and no more are woken than there is work for: one that is done takes the next task itself, and one that is woken
//! and finds more than it takes wakes another. So short tasks follow each other on a thread that is awake, and none
//! waits behind a long one.

use std::collections::VecDeque;
use std::io;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::{Work, run, spawn};
use crate::sync::Mutex;
use crate::time::after;

/// How long a thread looks out for the next task before it sleeps, where the last one came as soon: about as long as
/// it takes to wake a thread, so it is never much worse than sleeping at once. One looks out at a time.
const LINGER: Duration = Duration::from_micros(10);

/// Of all connections of the process: what they share are its processors.
static WORKERS: Workers = Workers::new();

/// A connection's worker: while it is there, there is a thread more.
#[derive(Debug)]
pub(in crate::driver::sqlite) struct Worker(&'static Workers);

impl Worker {
    /// # Errors
    /// When the operating system gives no thread.
    pub(in crate::driver::sqlite) fn hire() -> io::Result<Self> {
        WORKERS.hire()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

/// Does `task` on one of the threads. A connection has one task at a time.
pub(in crate::driver::sqlite) fn start(task: Work) {
    WORKERS.push(task);
}

#[derive(Debug)]
struct Workers {
    state: Mutex<State>,
    /// The queue is not empty, for whoever looks out.
    has_work: AtomicBool,
}

struct State {
    queue: VecDeque<Work>,
    hired: usize,
    /// Threads that are not at work.
    free: usize,
    /// The caches of the last one are the warmest.
    asleep: Vec<Thread>,
    /// A thread is on its way to the queue, woken or looking out: nobody else has to be woken before it is there.
    coming: bool,
    /// Looking out would have met the last task.
    is_busy: bool,
    /// When there was nothing left to do. None when a task was taken since.
    idle_since: Option<Instant>,
}

impl Workers {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                hired: 0,
                free: 0,
                asleep: Vec::new(),
                coming: false,
                is_busy: false,
                idle_since: None,
            }),
            has_work: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn hire(&'static self) -> io::Result<Worker> {
        self.state().hired += 1;
        // Without a thread it is dismissed again.
        let worker = Worker(self);
        spawn(|| self.work())?;
        Ok(worker)
    }

    fn dismiss(&self) {
        let mut state = self.state();
        state.hired = state.hired.saturating_sub(1);
        let woken = state.has_too_many().then(|| state.wake()).flatten();
        drop(state);
        unpark(woken);
    }

    fn push(&self, task: Work) {
        let mut state = self.state();
        if state.queue.is_empty() {
            let within = |since: Instant| since.elapsed() < LINGER;
            state.is_busy = state.idle_since.is_none_or(within);
        }
        state.queue.push_back(task);
        self.has_work.store(true, Ordering::Release);
        let woken = state.wake();
        drop(state);
        unpark(woken);
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.state();
        state.free += 1;
        loop {
            if let Some(task) = state.queue.pop_front() {
                state = self.do_one(state, task);
            } else if state.has_too_many() {
                state.free -= 1;
                let woken = state.has_too_many().then(|| state.wake()).flatten();
                drop(state);
                unpark(woken);
                return;
            } else if let Some(until) = state.look_out_until() {
                state = self.look_out(state, until);
            } else {
                state = self.sleep(state);
            }
        }
    }

    fn do_one<'a>(&'a self, mut state: MutexGuard<'a, State>, task: Work) -> MutexGuard<'a, State> {
        state.free -= 1;
        state.idle_since = None;
        let is_last = state.queue.is_empty();
        self.has_work.store(!is_last, Ordering::Release);
        let woken = if is_last && !state.has_too_many() {
            None
        } else {
            state.wake()
        };
        drop(state);
        unpark(woken);
        run(task);
        let mut state = self.state();
        state.free += 1;
        if state.queue.is_empty() {
            state.idle_since = Some(Instant::now());
        }
        state
    }

    fn look_out<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        until: Instant,
    ) -> MutexGuard<'a, State> {
        state.coming = true;
        drop(state);
        while !self.has_work.load(Ordering::Acquire) && Instant::now() < until {
            // Not a yield: on a busy machine that is a whole time slice.
            std::hint::spin_loop();
        }
        let mut state = self.state();
        state.coming = false;
        // Not again before there was work.
        state.is_busy &= !state.queue.is_empty();
        state
    }

    fn sleep<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let this = thread::current();
        let id = this.id();
        state.asleep.push(this);
        // It may wake without having been woken.
        while state.is_asleep(id) {
            drop(state);
            thread::park();
            state = self.state();
        }
        state.coming = false;
        state
    }
}

impl State {
    /// Each connection that is idle has a thread that is; those at work need not count for any.
    fn has_too_many(&self) -> bool {
        self.free > self.hired
    }

    /// Whom to wake, unless somebody is coming already.
    fn wake(&mut self) -> Option<Thread> {
        if self.coming {
            return None;
        }
        let woken = self.asleep.pop();
        self.coming = woken.is_some();
        woken
    }

    fn look_out_until(&self) -> Option<Instant> {
        let worthwhile = self.is_busy && !self.coming;
        self.idle_since
            .filter(|_| worthwhile)
            .map(|since| after(since, LINGER))
    }

    fn is_asleep(&self, id: ThreadId) -> bool {
        self.asleep.iter().any(|thread| thread.id() == id)
    }
}

/// Not under the lock: it would be the first thing that the thread waits for.
fn unpark(thread: Option<Thread>) {
    if let Some(thread) = thread {
        thread.unpark();
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("queue", &self.queue.len())
            .field("hired", &self.hired)
            .field("free", &self.free)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
