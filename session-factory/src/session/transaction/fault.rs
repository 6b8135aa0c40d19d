//! Why a transaction cannot go on, and which errors its statements met.

use crate::error::{AbortReason, StatementError};

/// Why the session may only roll back. Boxed: the session is part of its caller's future, and faults are rare.
#[derive(Debug, Clone)]
pub(in crate::session) struct Fault {
    reason: AbortReason,
    /// How many savepoints were open: rolling back any of them removes the fault.
    depth: u32,
}

impl Fault {
    #[allow(clippy::unnecessary_box_returns)] // every owner keeps it boxed
    pub(in crate::session) fn boxed(reason: AbortReason, depth: u32) -> Box<Self> {
        Box::new(Self { reason, depth })
    }

    pub(in crate::session) fn reason(&self) -> &AbortReason {
        &self.reason
    }

    /// True if the fault arose inside this level's savepoint.
    pub(in crate::session) fn is_inside(&self, level: u32) -> bool {
        self.depth >= level
    }
}

/// The errors of statements since the session's last transaction ended. A failed BEGIN is one of them, so they outlive
/// the attempt to begin.
#[derive(Debug, Default)]
pub(in crate::session) struct Errors {
    /// The first error, as the client saw it.
    first: Option<Box<Fault>>,
    /// True if another attempt may succeed.
    met_conflict: bool,
    /// True if an error has already reported that the body ended the transaction.
    reported_end: bool,
}

impl Errors {
    pub(in crate::session) fn add(&mut self, error: &StatementError, depth: u32) {
        self.met_conflict |= error.is_transient();
        if self.first.is_none() {
            self.first = Some(Fault::boxed(AbortReason::Statement(error.clone()), depth));
        }
    }

    pub(in crate::session) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(in crate::session) fn met_conflict(&self) -> bool {
        self.met_conflict
    }

    /// Returns the first error's reason.
    pub(in crate::session) fn first(&self) -> Option<&AbortReason> {
        self.first.as_deref().map(Fault::reason)
    }

    /// Call when this level's savepoint is rolled back: an error inside it no longer counts.
    pub(in crate::session) fn roll_back_to(&mut self, level: u32) {
        self.first.take_if(|error| error.is_inside(level));
    }

    pub(in crate::session) fn report_end(&mut self) {
        self.reported_end = true;
    }

    pub(in crate::session) fn has_reported_end(&self) -> bool {
        self.reported_end
    }
}
