//! The options of a session.

use std::time::Duration;

use super::{Isolation, LogPosition, ReplicaPolicy, Retry, TransactionOptions};

/// The options of `#[with_session(…)]`, in the runtime's form.
#[derive(Debug, Clone, Copy, Default)]
#[doc(hidden)]
pub struct SessionOptions {
    pub(crate) transaction: TransactionOptions,
    pub(crate) requires_new: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) replica: ReplicaPolicy,
    /// The log position of the commit that the session must see.
    pub(crate) after: Option<LogPosition>,
}

impl SessionOptions {
    /// All options at their defaults.
    pub const fn new() -> Self {
        Self {
            transaction: TransactionOptions::new(),
            requires_new: false,
            timeout: None,
            retry: None,
            replica: ReplicaPolicy::CaughtUp,
            after: None,
        }
    }

    /// `isolation = "…"`
    #[must_use]
    pub const fn isolation(mut self, level: Isolation) -> Self {
        self.transaction.isolation = Some(level);
        self
    }

    /// `read_only`
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.transaction.read_only = true;
        self
    }

    /// `deferrable`
    #[must_use]
    pub const fn deferrable(mut self) -> Self {
        self.transaction.deferrable = true;
        self
    }

    /// `immediate`
    #[must_use]
    pub const fn immediate(mut self) -> Self {
        self.transaction.immediate = true;
        self
    }

    /// `requires_new`
    #[must_use]
    pub const fn requires_new(mut self) -> Self {
        self.requires_new = true;
        self
    }

    /// `timeout = "…"`
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// `replica = "…"`
    #[must_use]
    pub const fn replica(mut self, replica: ReplicaPolicy) -> Self {
        self.replica = replica;
        self
    }

    pub(crate) const fn after(mut self, position: LogPosition) -> Self {
        self.after = Some(position);
        self
    }

    /// True if the session may read a replica. Standbys do not support serializable transactions.
    pub(crate) fn may_read_replica(&self) -> bool {
        self.transaction.read_only
            && self.transaction.isolation != Some(Isolation::Serializable)
            && self.replica != ReplicaPolicy::Never
    }

    /// `retry = …`
    #[must_use]
    pub const fn retry(mut self, max: u32, base: Duration, cap: Duration) -> Self {
        self.retry = Some(Retry::new(max, base, cap));
        self
    }
}
