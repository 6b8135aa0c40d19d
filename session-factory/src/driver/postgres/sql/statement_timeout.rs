//! Converts the statement timeout to the server's unit.

use std::time::Duration;

/// Returns milliseconds, from 1 to `i32::MAX` (24 days). At least 1, because the server reads 0 as no limit.
pub(crate) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
