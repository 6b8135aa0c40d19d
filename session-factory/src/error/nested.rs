//! A session inside of a session.

use std::fmt;

/// A session was asked for in a task that already has one of the same factory.
///
/// The second would wait for a connection while the first holds one, and would not see the first one's
/// uncommitted rows.
#[derive(Debug, Clone)]
pub struct NestedError {
    pub(crate) function: &'static str,
    pub(crate) holder: String,
}

impl fmt::Display for NestedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{0} opens a session of its own inside {1}, which already has one: call {0}_in(db, …) to join \
             it, or write #[with_session(requires_new)] for a second, independent transaction",
            self.function, self.holder
        )
    }
}

impl std::error::Error for NestedError {}
