//! The threads that work on connections. (Transactions that may write run on the writer's thread.)
//!
//! There are as many threads as connections, so a slow statement delays only its own caller. They
//! share one queue, and only as many are woken as there is work for: a thread that has finished
//! takes the next task, and a woken thread that finds more than one task wakes another thread. So
//! short tasks follow each other on a thread that is awake, and none waits for a long one to end.

use std::collections::VecDeque;
use std::io;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::{Work, run, spawn};
use crate::sync::Mutex;
use crate::time::after;

/// How long a thread spins for the next task before it sleeps, if the last task came as quickly.
/// Waking a thread takes about as long, so spinning never costs much more than sleeping at once. At
/// most one thread spins.
const LINGER: Duration = Duration::from_micros(10);

/// The threads of all connections in the process, which share its processors.
static WORKERS: Workers = Workers::new();

/// A connection's claim to one thread: while the claim exists, there is one more thread.
#[derive(Debug)]
pub(in crate::driver::sqlite) struct Worker(&'static Workers);

impl Worker {
    /// # Errors
    /// If the operating system cannot start a thread.
    pub(in crate::driver::sqlite) fn hire() -> io::Result<Self> {
        WORKERS.hire()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

/// Runs `task` on one of the threads. A connection has at most one task at a time.
pub(in crate::driver::sqlite) fn start(task: Work) {
    WORKERS.push(task);
}

#[derive(Debug)]
struct Workers {
    state: Mutex<State>,
    /// True if the queue is not empty. The spinning thread reads it without the lock.
    has_work: AtomicBool,
}

struct State {
    queue: VecDeque<Work>,
    hired: usize,
    /// The number of threads without work.
    free: usize,
    /// The sleeping threads. The last one fell asleep last; it is woken first, because its caches are the warmest.
    asleep: Vec<Thread>,
    /// True while a woken or spinning thread has not reached the queue yet. Until then, no other
    /// thread needs to be woken.
    coming: bool,
    /// True if spinning would have caught the last task.
    is_busy: bool,
    /// When the queue became empty; `None` if a thread has taken a task since.
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
        // If no thread starts, dropping the worker withdraws the claim.
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

    /// The loop of one thread.
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
            // A yield could take a whole time slice on a busy machine.
            std::hint::spin_loop();
        }
        let mut state = self.state();
        state.coming = false;
        // Spin again only after there was work.
        state.is_busy &= !state.queue.is_empty();
        state
    }

    fn sleep<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let this = thread::current();
        let id = this.id();
        state.asleep.push(this);
        // `park` may return without an `unpark`.
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
    /// True if there are more free threads than connections, so that a free one can end. Threads at work do
    /// not count.
    fn has_too_many(&self) -> bool {
        self.free > self.hired
    }

    /// Returns the thread to wake, unless another is already coming.
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

/// Call without the lock, because the woken thread takes it first.
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
