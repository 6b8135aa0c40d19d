//! The outcome of the last attempts to connect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use bb8::ErrorSink;
use tokio::sync::watch;

use crate::error::{ConnectError, Step};
use crate::sync::Mutex;

/// Written by the pool, read by waiting callers.
#[derive(Debug)]
pub(super) struct Health {
    last: Mutex<Option<ConnectError>>,
    failures: watch::Sender<u64>,
    /// True if the pool had another connection to the server when the last failed attempt began.
    had_company: AtomicBool,
    given_up: AtomicU64,
    /// Increases when a session finds that its server was demoted; the pool then closes older
    /// connections.
    generation: AtomicU64,
    /// True if the last opened connection went to a pooler.
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

    /// Records a failed attempt, before bb8 reports the error. `beside` is true if the pool had another
    /// connection to the server when the attempt began.
    pub(super) fn attempt_failed(&self, beside: bool) {
        self.had_company.store(beside, Ordering::SeqCst);
    }

    /// True if the pool had another connection to the server when the last failed attempt began. If so, the server
    /// may have been full, and the next attempt may succeed.
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

    /// Records that the server of a connection from this generation was demoted. Further reports
    /// from the same generation change nothing.
    pub(super) fn demoted(&self, generation: u64) {
        let next = generation + 1;
        let _already =
            self.generation
                .compare_exchange(generation, next, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Returns the error of the last attempt, if it failed.
    pub(super) fn last_error(&self) -> Option<ConnectError> {
        self.last.lock().clone()
    }

    /// Records that the caller whose turn it was has found that no connection can be opened.
    pub(super) fn give_up(&self) {
        self.given_up.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns the number of callers that have given up.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::SeqCst)
    }

    /// Returns a receiver that sees every failure from now on.
    pub(super) fn failures(&self) -> watch::Receiver<u64> {
        self.failures.subscribe()
    }
}

/// bb8's error sink. bb8 calls it after freeing the failed attempt's slot, so that a caller
/// that asks again gets a new attempt. Notifying earlier would let the caller join the
/// failed attempt, for which bb8 wakes no caller.
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

/// For each step, the number of operations that are in it.
#[derive(Debug, Default)]
pub(super) struct Steps([AtomicU32; 4]);

impl Steps {
    fn count(&self, step: Step) -> &AtomicU32 {
        let [credentials, opening, checking, closing] = &self.0;
        match step {
            Step::Credentials => credentials,
            Step::Opening => opening,
            Step::Checking => checking,
            Step::Closing => closing,
        }
    }

    /// Returns the step in progress that best explains a wait.
    pub(super) fn current(&self) -> Option<Step> {
        let is_under_way = |step: &Step| self.count(*step).load(Ordering::Relaxed) > 0;
        [
            Step::Credentials,
            Step::Opening,
            Step::Checking,
            Step::Closing,
        ]
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
