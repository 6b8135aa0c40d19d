//! The standard settings of a factory, typed.

use std::time::Duration;

use super::{Credentials, OpenPermit, SecretUrl};

/// The settings that every factory has, whatever keys they were read from.
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
    /// Where the database is, and who connects.
    pub url: SecretUrl,
    /// A PostgreSQL standby for `read_only` sessions. It gets its own pool with the same settings. Default: none.
    pub replica_url: Option<SecretUrl>,
    /// Whether each statement is printed. Default: `false`.
    pub echo: bool,
    /// Connections that are kept, at least 1. Default: 5.
    pub pool_size: u32,
    /// Connections above `pool_size` under load. Default: 10.
    pub max_overflow: u32,
    /// Whether a connection that idled is asked before it is used. Default: `true`.
    pub pool_pre_ping: bool,
    /// How long a caller waits for a connection; `Duration::MAX` for as long as it takes. Default: 30 seconds.
    pub pool_timeout: Duration,
    /// The longest life of a connection; `Duration::MAX` for no end. It serves one session, however short that is.
    /// Default: 30 minutes.
    pub pool_recycle: Duration,
    /// How long a connection may idle before it is closed; `Duration::MAX` for as long as it lives. Default: 10
    /// minutes.
    pub idle_timeout: Duration,
    /// How long one attempt to connect may take, longer than zero; `Duration::MAX` for as long as it takes. Default: 10
    /// seconds.
    pub connect_timeout: Duration,
    /// How long PostgreSQL and MySQL (there: reading statements; MariaDB: all) let one statement run; SQLite has no
    /// such limit. Longer than zero; PostgreSQL counts to 24 days, and longer limits end there. Default: the server's
    /// own.
    pub statement_timeout: Option<Duration>,
    /// Whether PostgreSQL's and MySQL's connections keep the statements that they prepared: 0 keeps none. Any other
    /// number keeps all of them, as diesel-async's cache has no limit. SQLite's always keep them. Default: all; behind
    /// a pooler none.
    pub statement_cache: Option<usize>,
    /// Reserved: has no effect yet. Statements that take longer are to be reported. Default: 1 second.
    pub slow_statement: Option<Duration>,
    /// Reserved: has no effect yet. Waits for a connection that take longer are to be reported. Default: 2 seconds.
    pub slow_acquire: Option<Duration>,
    /// Reserved: has no effect yet. Sessions that are open for longer are to be reported. Default: none are.
    pub leak_threshold: Option<Duration>,
    /// The provider's credentials for this connection, which replace the URL's.
    pub(crate) credentials: Option<Credentials>,
    /// The permit of the connection that is opened with these settings.
    pub(crate) permit: Option<OpenPermit>,
}

impl Settings {
    /// Says which setting makes every connection impossible. The reader has checked the environment's values, but the
    /// application's code may have set these.
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
