//! The standard settings of a factory, typed.

use std::time::Duration;

use super::{CredentialSource, Credentials, OpenPermit, SecretUrl, TraceText};

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
    /// A connection's longest life; `Duration::MAX` means without a limit. Every connection serves at least one
    /// session, however short its life is. Default: 30 minutes.
    pub pool_recycle: Duration,
    /// How long a connection may idle before the pool closes it; `Duration::MAX` means without a
    /// limit. Default: 10 minutes.
    pub idle_timeout: Duration,
    /// How long one attempt to connect may take, longer than zero; `Duration::MAX` means without a
    /// limit. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// The server's time limit for one statement, longer than zero. PostgreSQL (at most 24
    /// days) and MariaDB apply it to all statements, MySQL to statements that only read. SQLite
    /// has no such limit. Default: the server's own.
    pub statement_timeout: Option<Duration>,
    /// 0 stops PostgreSQL's and MySQL's connections from keeping prepared statements. Any other
    /// number keeps all of them, because diesel-async's cache has no limit. SQLite's connections
    /// always keep them. Default: all; behind a pooler none.
    pub statement_cache: Option<usize>,
    /// Each statement that takes longer is reported in a line, a flood of them in one line a second. Default: 1 second.
    pub slow_statement: Option<Duration>,
    /// Each wait for a connection that takes longer, and succeeds, is reported in a line, a flood of
    /// them in one line a second. Default: 2 seconds.
    pub slow_acquire: Option<Duration>,
    /// A session that holds its connection for longer is reported once, and once more when the connection comes back.
    /// The shortest value is 2 seconds. Default: no reports.
    pub leak_threshold: Option<Duration>,
    /// A call that runs more statements is reported when it ends, with the statement that ran most often.
    /// The smallest value is 1. Default: no reports.
    pub statement_budget: Option<u32>,
    /// What the spans of statements show of their texts (feature `tracing`). Default: the text
    /// of a query, and the summary of a script.
    pub trace_text: TraceText,
    /// The credential provider's credentials for this connection, which replace the URL's.
    pub(crate) credentials: Option<Credentials>,
    /// The provider of [`credentials`](Self::credentials): a KILL, which needs a connection of its own, asks it again.
    pub(crate) credential_source: Option<CredentialSource>,
    /// The permit of the connection that is opened with these settings.
    pub(crate) permit: Option<OpenPermit>,
}

impl Settings {
    pub(crate) const SLOW_STATEMENT: Duration = Duration::from_secs(1);
    pub(crate) const SLOW_ACQUIRE: Duration = Duration::from_secs(2);
    /// The shortest `leak_threshold`.
    pub(crate) const SHORTEST_LEAK: Duration = Duration::from_secs(2);

    /// Returns the error for a setting that makes every connection impossible. The reader has checked the
    /// environment's values, but the application's code can set others.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.zero().or_else(|| self.useless_report())
    }

    /// Returns the error for a limit that would cause a report about every session or call.
    fn useless_report(&self) -> Option<String> {
        if let Some(threshold) = self.leak_threshold.filter(|it| *it < Self::SHORTEST_LEAK) {
            return Some(format!(
                "leak_threshold is {}: set at least {}, or None for no reports",
                crate::time::text(threshold),
                crate::time::text(Self::SHORTEST_LEAK)
            ));
        }
        (self.statement_budget == Some(0))
            .then(|| "statement_budget is 0: set at least 1, or None for no reports".to_owned())
    }

    fn zero(&self) -> Option<String> {
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

    /// Returns the defaults, for the database at `url`.
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
            slow_statement: Some(Self::SLOW_STATEMENT),
            slow_acquire: Some(Self::SLOW_ACQUIRE),
            leak_threshold: None,
            statement_budget: None,
            trace_text: TraceText::default(),
            credentials: None,
            credential_source: None,
            permit: None,
        }
    }
}
