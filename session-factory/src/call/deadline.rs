//! A call's deadline, and how the call spends its time.

use std::time::{Duration, Instant};

use super::Origin;
use crate::error::{AcquireError, TimeoutError};

/// When a call with a `timeout` began, and when it must end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Duration,
    started: Instant,
    /// When the current attempt got its connection.
    opened: Option<Instant>,
    /// The time of earlier attempts, with the pauses between them.
    earlier: Duration,
    /// True if the database cannot stop a running statement.
    runs_on: bool,
}

impl Deadline {
    pub(crate) fn start(limit: Duration, runs_on: bool) -> Self {
        Self {
            limit,
            runs_on,
            started: Instant::now(),
            opened: None,
            earlier: Duration::ZERO,
        }
    }

    pub(crate) fn has_expired(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns the time until the deadline.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Records that the attempt has its connection.
    pub(crate) fn opened(&mut self) {
        self.opened = Some(Instant::now());
    }

    /// Records that the next attempt begins.
    pub(crate) fn again(&mut self) {
        self.earlier = self.started.elapsed();
        self.opened = None;
    }

    /// Returns the error for a deadline that passed before the call got a connection.
    pub(crate) fn while_acquiring(
        &self,
        origin: &Origin,
        acquire: Box<AcquireError>,
    ) -> TimeoutError {
        let acquiring = self.started.elapsed().saturating_sub(self.earlier);
        TimeoutError {
            acquiring,
            acquire: Some(acquire),
            ..self.error(origin)
        }
    }

    /// Returns the error for a deadline that passed in the body, or before COMMIT was sent.
    pub(crate) fn while_running(&self, origin: &Origin) -> TimeoutError {
        self.error(origin)
    }

    fn error(&self, origin: &Origin) -> TimeoutError {
        let running = self
            .opened
            .map_or(Duration::ZERO, |opened| opened.elapsed());
        let taken = self.started.elapsed();
        TimeoutError {
            function: origin.in_full().into(),
            limit: self.limit,
            acquiring: taken.saturating_sub(self.earlier).saturating_sub(running),
            running,
            earlier: self.earlier,
            acquire: None,
            runs_on: self.runs_on,
        }
    }
}
