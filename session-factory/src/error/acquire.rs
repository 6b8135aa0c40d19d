//! The pool gave no connection.

use std::fmt;
use std::time::Duration;

use super::ConnectError;

/// One connection that is in use, as [`AcquireError`] reports it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Holder {
    /// The function that holds it, with file and line.
    pub holder: String,
    /// For how long.
    pub held_for: Duration,
    /// Its session was dropped: the recovery cancels, rolls back and checks the connection.
    pub recovering: bool,
}

/// What a waiting caller waits for, apart from lent connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The application's provider of credentials is asked, for a connection that is to be opened.
    Credentials,
    /// A connection is being opened.
    Opening,
    /// The pool pings a connection that idled.
    Checking,
    /// The pool opens a connection as soon as the server has closed another.
    Closing,
}

/// The pool gave no connection within the wait's limit, or none can be opened.
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
    /// What was under way when the wait ended.
    pub(crate) step: Option<Step>,
    /// The connect error ended the wait, not the clock.
    pub(crate) at_once: bool,
}

impl AcquireError {
    /// How long the caller waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }
    /// The most connections the pool may open: `pool_size` + `max_overflow`.
    pub fn limit(&self) -> u32 {
        self.limit
    }
    /// How many connections were open.
    pub fn open(&self) -> u32 {
        self.open
    }
    /// How many callers were waiting, this one included.
    pub fn waiting(&self) -> u32 {
        self.waiting
    }
    /// The calls that held the connections, the longest first.
    pub fn holders(&self) -> &[Holder] {
        &self.holders
    }
    /// The error of the last attempt to connect, if that attempt failed.
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
