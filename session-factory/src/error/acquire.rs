//! The pool gave no connection.

use std::fmt;
use std::time::Duration;

use super::ConnectError;

/// One connection that is in use, as [`AcquireError`] reports it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Holder {
    /// The function that holds the connection, with file and line.
    pub holder: String,
    /// How long the function has held it.
    pub held_for: Duration,
    /// True if its session was dropped, and recovery cancels, rolls back and checks the connection.
    pub recovering: bool,
}

/// What a waiting caller waits for, besides the connections in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The pool waits for the application's credential provider, to open a connection.
    Credentials,
    /// The pool waits for a connection that it is opening.
    Opening,
    /// The pool pings a connection that has idled.
    Checking,
    /// The pool waits until the server has closed a connection, because one more would exceed the limit.
    Closing,
}

/// The pool gave no connection within the time limit, or could not open one.
#[derive(Debug, Clone)]
pub struct AcquireError {
    pub(crate) factory: &'static str,
    pub(crate) key: &'static str,
    pub(crate) waited: Duration,
    pub(crate) limit: u32,
    pub(crate) open: u32,
    pub(crate) waiting: u32,
    pub(crate) holders: Vec<Holder>,
    pub(crate) connect: Option<ConnectError>,
    /// The step that was unfinished when the wait ended.
    pub(crate) step: Option<Step>,
    /// True if the connect error ended the wait before its limit.
    pub(crate) at_once: bool,
}

impl AcquireError {
    /// Returns how long the caller waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
    /// Returns the greatest number of connections that the pool may open: `pool_size` + `max_overflow`.
    pub fn limit(&self) -> u32 {
        self.limit
    }
    /// Returns the number of open connections.
    pub fn open(&self) -> u32 {
        self.open
    }
    /// Returns the number of waiting callers, including this one.
    pub fn waiting(&self) -> u32 {
        self.waiting
    }
    /// Returns the calls that held the connections, the one that held its connection longest first.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }
    /// Returns the error of the last attempt to connect, if that attempt failed.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        self.connect.as_ref()
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (true, Some(connect)) = (self.at_once, &self.connect) {
            return write!(
                f,
                "{}: cannot connect to the database that {} names: {connect}",
                self.factory, self.key
            );
        }
        write!(
            f,
            "{}: no connection became free within {}: {} of at most {} are open, {} in use, {}",
            self.factory,
            crate::time::in_millis(self.waited),
            self.open,
            self.limit,
            self.holders.len(),
            match self.waiting {
                1 => "1 caller waits".to_owned(),
                callers => format!("{callers} callers wait"),
            }
        )?;
        match self.step {
            Some(Step::Credentials) if self.connect.is_none() => f.write_str(
                "; the provider of credentials (with_credentials) has not answered, and a connection is opened with its \
                 answer",
            )?,
            Some(Step::Opening) if self.connect.is_none() => write!(
                f,
                "; the database that {} names has not answered the attempt to open one",
                self.key
            )?,
            Some(Step::Checking) => write!(
                f,
                "; the database that {} names has not answered whether one that idled is alive",
                self.key
            )?,
            Some(Step::Closing) => write!(
                f,
                "; the database that {} names has not closed one that was closed here, and another would be one \
                 too many",
                self.key
            )?,
            None if self.holders.is_empty() && self.connect.is_none() => {
                f.write_str("; none is being opened")?;
            }
            _ => {}
        }
        for holder in self.holders.iter().take(5) {
            write!(
                f,
                "; {} {} {}",
                holder.holder,
                if holder.recovering {
                    "(its call is gone, the connection is being rolled back) since"
                } else {
                    "holds one since"
                },
                crate::time::in_millis(holder.held_for)
            )?;
        }
        if self.holders.len() > 5 {
            write!(f, "; and {} more", self.holders.len() - 5)?;
        }
        if let Some(connect) = &self.connect {
            write!(
                f,
                "; the last attempt to open a connection ({}) failed: {connect}",
                self.key
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for AcquireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.connect.as_ref().map(|error| error as _)
    }
}
