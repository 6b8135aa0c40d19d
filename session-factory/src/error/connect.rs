//! No connection to be opened.

use std::fmt;

/// What kind of failure kept a connection from being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The URL says something that cannot be used.
    Url,
    /// The host name is not known.
    Dns,
    /// The host refused the connection or is not reachable.
    Refused,
    /// `connect_timeout` passed.
    TimedOut,
    /// The server does not accept the user or the password.
    Authentication,
    /// The database does not exist, or the file cannot be opened.
    Database,
    /// The server has no connection left for us.
    TooManyConnections,
    /// Encryption was asked for and could not be had.
    Tls,
    /// This machine has no threads, sockets or memory left.
    Resources,
    /// Anything else.
    Other,
}

/// A connection could not be opened. The text never holds a password.
#[derive(Debug, Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
    sqlstate: Option<String>,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            sqlstate: None,
        }
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// What kind of failure.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The server's SQLSTATE, if it said one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// True when trying again cannot help until somebody changes something.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.kind,
            ConnectErrorKind::Url
                | ConnectErrorKind::Authentication
                | ConnectErrorKind::Database
                | ConnectErrorKind::Tls
        )
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {}
