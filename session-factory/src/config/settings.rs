//! The standard settings of a factory, typed.

use std::time::Duration;

use super::{Credentials, OpenPermit, SecretUrl};

/// The settings of every factory, from any source.
///
/// ```
/// use session_factory::config::{SecretUrl, Settings};
///
/// let mut settings = Settings::new(SecretUrl::from("sqlite::memory:"));
/// settings.pool_size = 1;
/// assert_eq!(settings.max_overflow, 10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The database's URL, usually with user and password.
    pub url: SecretUrl,
    /// A PostgreSQL standby for `read_only` sessions. It gets its own pool with the same settings. Default: none.
    pub replica_url: Option<SecretUrl>,
    /// True to print each statement. Default: `false`.
    pub echo: bool,
    /// The number of connections that the pool keeps, at least 1. Default: 5.
    pub pool_size: u32,
    /// The number of connections that the pool may open above `pool_size` under load. Default: 10.
    pub max_overflow: u32,
    /// True to check a connection that has idled before a session uses it. Default: `true`.
    pub pool_pre_ping: bool,
    /// How long a caller waits for a connection; `Duration::MAX` means without a limit. Default: 30
    /// seconds.
    pub pool_timeout: Duration,
    /// A connection's longest life; `Duration::MAX` means without a limit. Every connection serves
    /// at least one session, however short this is. Default: 30 minutes.
    pub pool_recycle: Duration,
    /// How long a connection may idle before the pool closes it; `Duration::MAX` means without a
    /// limit. Default: 10 minutes.
    pub idle_timeout: Duration,
    /// How long one attempt to connect may take, longer than zero; `Duration::MAX` means without a
    /// limit. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// The server's time limit for one statement, longer than zero. PostgreSQL applies it to all
    /// statements, up to 24 days; MySQL to reading statements; MariaDB to all. SQLite has no such
    /// limit. Default: the server's own.
    pub statement_timeout: Option<Duration>,
    /// 0 stops PostgreSQL's and MySQL's connections from keeping prepared statements. Any other
    /// number keeps all of them, because diesel-async's cache has no limit. SQLite's connections
    /// always keep them. Default: all; behind a pooler none.
    pub statement_cache: Option<usize>,
    /// Reserved, without effect yet: the duration above which a statement is reported. Default: 1
    /// second.
    pub slow_statement: Option<Duration>,
    /// Reserved, without effect yet: the duration above which a wait for a connection is reported.
    /// Default: 2 seconds.
    pub slow_acquire: Option<Duration>,
    /// Reserved, without effect yet: the duration above which an open session is reported. Default:
    /// none.
    pub leak_threshold: Option<Duration>,
    /// The credential provider's credentials for this connection, which replace the URL's.
    pub(crate) credentials: Option<Credentials>,
    /// The permit of the connection that is opened with these settings.
    pub(crate) permit: Option<OpenPermit>,
}

impl Settings {
    /// The error if a setting makes every connection impossible. The reader has checked the
    /// environment's values, but the application's code can set others.
    pub(crate) fn refusal(&self) -> Option<String> {
        let limits = [
            (
                "connect_timeout",
                Some(self.connect_timeout),
                "Duration::MAX",
            ),
            ("statement_timeout", self.statement_timeout, "None"),
        ];
        let (name, _, none) = limits
            .into_iter()
            .find(|(_, limit, _)| limit.is_some_and(|limit| limit.is_zero()))?;
        let consequence = match name {
            "connect_timeout" => "no connection could be opened",
            _ => "no statement could finish",
        };
        Some(format!(
            "{name} is zero: {consequence}; set a longer one, or {none} for no limit"
        ))
    }

    /// The defaults, for the database at `url`.
    #[must_use]
    pub fn new(url: SecretUrl) -> Self {
        Self {
            url,
            replica_url: None,
            echo: false,
            pool_size: 5,
            max_overflow: 10,
            pool_pre_ping: true,
            pool_timeout: Duration::from_secs(30),
            pool_recycle: Duration::from_secs(30 * 60),
            idle_timeout: Duration::from_secs(10 * 60),
            connect_timeout: Duration::from_secs(10),
            statement_timeout: None,
            statement_cache: None,
            slow_statement: Some(Duration::from_secs(1)),
            slow_acquire: Some(Duration::from_secs(2)),
            leak_threshold: None,
            credentials: None,
            permit: None,
        }
    }
}
