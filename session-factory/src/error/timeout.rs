//! A call's deadline passed.

use std::fmt;
use std::time::Duration;

use super::AcquireError;

/// The call did not end before its deadline. Its work is rolled back, and its running statement is
/// cancelled on the server. (SQLite has no server: a running statement stops when it reaches its next row,
/// or while it waits for a lock.)
#[derive(Debug, Clone)]
pub struct TimeoutError {
    /// The function's name; for a closure, also its file and line.
    pub(crate) function: Box<str>,
    pub(crate) limit: Duration,
    pub(crate) acquiring: Duration,
    pub(crate) running: Duration,
    pub(crate) earlier: Duration,
    pub(crate) acquire: Option<Box<AcquireError>>,
    /// True if the database cannot stop a running statement.
    pub(crate) runs_on: bool,
}

impl TimeoutError {
    /// Returns the limit that passed: the call's `timeout`.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns how long the last attempt waited for its connection.
    pub fn acquiring(&self) -> Duration {
        self.acquiring
    }

    /// Returns how long the last attempt's body had been running.
    pub fn running(&self) -> Duration {
        self.running
    }

    /// Returns how long the attempts before the last one took, with the pauses between them. Zero without `retry`.
    pub fn earlier_attempts(&self) -> Duration {
        self.earlier
    }

    /// Returns the pool's state, if the deadline passed while the call waited for a connection.
    pub fn acquire_error(&self) -> Option<&AcquireError> {
        self.acquire.as_deref()
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            function, limit, ..
        } = self;
        write!(
            f,
            "{function} did not finish within its timeout of {}: ",
            crate::time::text(*limit)
        )?;
        if !self.earlier.is_zero() {
            write!(f, "{} went to earlier attempts, ", millis(self.earlier))?;
        }
        write!(f, "{} to getting a connection", millis(self.acquiring))?;
        match &self.acquire {
            Some(acquire) => write!(f, ", and none came ({acquire})"),
            None => write!(
                f,
                ", {} to its body; {}",
                millis(self.running),
                if self.runs_on {
                    "a statement that is running goes on to its next row or its end, as SQLite stops none in the \
                     middle, and then the work is rolled back"
                } else {
                    "what it was doing is ended and its work rolled back"
                }
            ),
        }
    }
}

impl std::error::Error for TimeoutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.acquire.as_deref().map(|error| error as _)
    }
}

/// A duration to a tenth of a millisecond.
fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
