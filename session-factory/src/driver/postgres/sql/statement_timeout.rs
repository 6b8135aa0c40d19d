//! How the server is given a statement's limit.

use std::time::Duration;

/// As the server counts: at most `i32::MAX` milliseconds, which are 24 days.
pub(crate) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
