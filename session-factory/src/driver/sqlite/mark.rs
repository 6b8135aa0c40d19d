//! The name of a savepoint that marks a transaction.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::driver::savepoint_name;

/// Two savepoints that share one name, which no other transaction in any process uses. If an
/// instrumentation panics, the outcome of the first RELEASE is unknown; the second RELEASE shows
/// whether the transaction is still there.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) name: String,
}

impl Mark {
    pub(super) fn new() -> Self {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let number = MARKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("session_factory_mark_{}_{number}", *savepoint_name::TOKEN);
        Self { name }
    }
}
