//! What the last attempts to connect came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use bb8::ErrorSink;
use tokio::sync::watch;

use crate::error::{ConnectError, Step};
use crate::sync::Mutex;

/// Told by the pool, asked by those who wait.
#[derive(Debug)]
pub(super) struct Health {
    last: Mutex<Option<ConnectError>>,
    failures: watch::Sender<u64>,
    /// When the attempt that failed last began, the server had another connection of the pool.
    had_company: AtomicBool,
    given_up: AtomicU64,
    /// Grows when a server is found that takes no writes any more: connections that are older go.
    generation: AtomicU64,
    /// A pooler was met by the last connection that was opened.
    pooled: AtomicBool,
    pub(super) steps: Steps,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            failures: watch::Sender::new(0),
            had_company: AtomicBool::new(false),
            given_up: AtomicU64::new(0),
            pooled: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            steps: Steps::default(),
        }
    }
}

impl Health {
    pub(super) fn succeeded(&self, pooled: bool) {
        self.pooled.store(pooled, Ordering::Relaxed);
        *self.last.lock() = None;
    }

    pub(super) fn pooled(&self) -> bool {
        self.pooled.load(Ordering::Relaxed)
    }

    /// An attempt failed that began `beside` another connection of the pool, or not. Noted before bb8 reports the error.
    pub(super) fn attempt_failed(&self, beside: bool) {
        self.had_company.store(beside, Ordering::SeqCst);
    }

    /// When the attempt that failed last began, the server had another connection of the pool: it may have failed for
    /// want of room, and the next one may not.
    pub(super) fn had_company(&self) -> bool {
        self.had_company.load(Ordering::SeqCst)
    }

    pub(super) fn failed(&self, error: ConnectError) {
        *self.last.lock() = Some(error);
        self.failures.send_modify(|count| *count += 1);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// A connection of this generation was to a server that was demoted. Others that find the same add
    /// nothing.
    pub(super) fn demoted(&self, generation: u64) {
        let next = generation + 1;
        let _already =
            self.generation
                .compare_exchange(generation, next, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The error of the last attempt, if it failed.
    pub(super) fn last_error(&self) -> Option<ConnectError> {
        self.last.lock().clone()
    }

    /// Somebody whose turn it was has found that there are no connections to be had.
    pub(super) fn give_up(&self) {
        self.given_up.fetch_add(1, Ordering::SeqCst);
    }

    /// How many have.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::SeqCst)
    }

    /// Sees every failure from now on.
    pub(super) fn failures(&self) -> watch::Receiver<u64> {
        self.failures.subscribe()
    }
}

/// Where bb8 tells of connections that could not be opened. By then it has given the attempt's place free:
/// whoever hears of a failure here and asks again gets an attempt of its own. Told any earlier, that one
/// would wait for the end of an attempt that has failed, of which bb8 wakes nobody.
#[derive(Debug, Clone)]
pub(super) struct Failures(pub(super) Arc<Health>);

impl ErrorSink<ConnectError> for Failures {
    fn sink(&self, error: ConnectError) {
        self.0.failed(error);
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<ConnectError>> {
        Box::new(self.clone())
    }
}

/// How often each is under way.
#[derive(Debug, Default)]
pub(super) struct Steps([AtomicU32; 3]);

impl Steps {
    fn count(&self, step: Step) -> &AtomicU32 {
        let [opening, checking, closing] = &self.0;
        match step {
            Step::Opening => opening,
            Step::Checking => checking,
            Step::Closing => closing,
        }
    }

    /// The one that says most.
    pub(super) fn current(&self) -> Option<Step> {
        let is_under_way = |step: &Step| self.count(*step).load(Ordering::Relaxed) > 0;
        [Step::Opening, Step::Checking, Step::Closing]
            .into_iter()
            .find(is_under_way)
    }
}

impl Health {
    /// Counts a step until the guard is dropped.
    pub(super) fn under_way(self: &Arc<Self>, step: Step) -> UnderWay {
        self.steps.count(step).fetch_add(1, Ordering::Relaxed);
        UnderWay {
            health: Arc::clone(self),
            step,
        }
    }
}

#[derive(Debug)]
pub(super) struct UnderWay {
    health: Arc<Health>,
    step: Step,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let count = self.health.steps.count(self.step);
        count.fetch_sub(1, Ordering::Relaxed);
    }
}
