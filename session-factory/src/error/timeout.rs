//! A deadline that passed.

use std::time::Duration;

/// The call did not end before its deadline. Its running statement is cancelled on the server.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{function} did not finish within {limit:?}: its running statement is cancelled and its work rolled back"
)]
pub struct TimeoutError {
    pub(crate) function: &'static str,
    pub(crate) limit: Duration,
}

impl TimeoutError {
    /// The limit that passed.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}
