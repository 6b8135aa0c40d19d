//! Converts the statement timeout to the server's unit.

use std::time::Duration;

/// In milliseconds, from 1 to `i32::MAX` (24 days). The server reads 0 as no limit.
pub(crate) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
