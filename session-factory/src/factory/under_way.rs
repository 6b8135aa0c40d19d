//! What a pool is doing for those who wait: an error about a wait says so, and no more than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::health::Health;
use crate::error::Step;

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
