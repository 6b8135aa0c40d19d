//! Repeats a unit of work.
//!
//! The pauses use the "full jitter" of Marc Brooker's "Exponential Backoff And Jitter" (AWS
//! Architecture Blog, 2015): uniform between zero and an exponentially growing limit.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How many times to repeat, and with which pauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// The number of attempts after the first one.
    max: u32,
    base: Duration,
    cap: Duration,
}

impl Retry {
    /// The default limit of the first pause.
    pub(crate) const BASE: Duration = Duration::from_millis(10);
    /// The default limit of every pause.
    pub(crate) const CAP: Duration = Duration::from_secs(1);

    pub(crate) const fn new(max: u32, base: Duration, cap: Duration) -> Self {
        Self { max, base, cap }
    }

    /// Returns the number of attempts in all.
    pub(crate) fn attempts(&self) -> u32 {
        self.max.saturating_add(1)
    }

    /// Returns the pause after this attempt (the first is 1), if another attempt may follow.
    pub(crate) fn pause_after(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts() {
            return None;
        }
        let limit = self.limit_after(attempt);
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(fastrand::u64(0..=nanos)))
    }

    fn limit_after(&self, attempt: u32) -> Duration {
        let mut limits = ExponentialBuilder::new()
            .with_min_delay(self.base.min(self.cap))
            .with_max_delay(self.cap)
            .with_factor(2.0)
            .without_max_times()
            .build();
        let before = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        // Any cap is reached after 64 doublings.
        limits.nth(before.min(64)).unwrap_or(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_limit_of_the_pauses_doubles_up_to_the_cap() {
        let retry = Retry::new(10, millis(10), millis(100));
        for (attempt, expected) in (1..).zip([10, 20, 40, 80, 100, 100].map(millis)) {
            let limit = retry.limit_after(attempt);
            // The library multiplies floating-point numbers.
            assert!(
                limit.abs_diff(expected) < Duration::from_micros(1),
                "{limit:?}"
            );
        }
    }

    #[test]
    fn the_pause_is_anywhere_below_its_limit() {
        let retry = Retry::new(3, millis(100), millis(100));
        let pauses: Vec<_> = (0..200).filter_map(|_| retry.pause_after(1)).collect();
        assert!(pauses.iter().all(|pause| *pause <= millis(100)));
        assert!(pauses.iter().any(|pause| *pause < millis(30)));
        assert!(pauses.iter().any(|pause| *pause > millis(70)));
    }

    #[test]
    fn after_the_last_attempt_there_is_no_pause() {
        let retry = Retry::new(2, millis(1), millis(1));
        assert!(retry.pause_after(2).is_some());
        assert!(retry.pause_after(3).is_none());
        assert_eq!(retry.attempts(), 3);
    }
}
