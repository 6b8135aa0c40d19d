//! A connection could not be opened.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::one_line::one_line;

/// The reason why a connection could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The URL is invalid.
    Url,
    /// The host name is unknown.
    Dns,
    /// The host refused the connection, or is unreachable.
    Refused,
    /// `connect_timeout` passed.
    TimedOut,
    /// The server does not accept the user or the password.
    Authentication,
    /// The database does not exist, or the file cannot be opened.
    Database,
    /// The server has no free connection.
    TooManyConnections,
    /// The URL requires TLS, and the connection could not be encrypted.
    Tls,
    /// No server has the role that `target_session_attrs` requires.
    Role,
    /// The credential provider ([`Factory::with_credentials`](crate::Factory::with_credentials)) returned
    /// no credentials. If it returned an error, that is the [`source`](std::error::Error::source).
    Credentials,
    /// A pooler between the client and the server does not support transactions.
    Pooler,
    /// The server lacks a feature that the driver requires: session tracking, on MySQL.
    Unsupported,
    /// This machine has no threads, sockets or memory left.
    Resources,
    /// Any other failure.
    Other,
}

/// A connection could not be opened. The text never contains a password.
#[derive(Debug, Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
    sqlstate: Option<String>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ConnectError {
    pub(crate) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            sqlstate: None,
            source: None,
        }
    }

    /// The error for an unknown host: number `index` (from 0) of the URL's `count` hosts. The text omits the name: if
    /// the URL was split in the wrong place, the name may be a piece of the password.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn unknown_host(index: usize, count: usize, error: &dyn fmt::Display) -> Self {
        let which = if count == 1 {
            "the host of the URL".to_owned()
        } else {
            format!("host {} of the {count} in the URL", index + 1)
        };
        Self::new(
            ConnectErrorKind::Dns,
            format!(
                "{which} is not known (its name is not shown, it may be a piece of the password): {error}"
            ),
        )
    }

    pub(crate) fn with_source(mut self, source: impl Into<Arc<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Returns the server's SQLSTATE, if the server sent one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// True if another attempt would fail as well, until the configuration, the server or its data
    /// change.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.kind,
            ConnectErrorKind::Url
                | ConnectErrorKind::Authentication
                | ConnectErrorKind::Database
                | ConnectErrorKind::Tls
                | ConnectErrorKind::Pooler
                | ConnectErrorKind::Unsupported
        )
    }

    /// True if callers that wait for a connection fail at once with this error.
    pub(crate) fn ends_the_wait(&self) -> bool {
        // A credential provider does its own retries, so waiting callers do not wait for another attempt.
        self.is_permanent() || self.kind == ConnectErrorKind::Credentials
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
