//! The table of the standard settings. A new one is a row here, a field of `Settings` in the runtime,
//! and nothing else.

/// One standard setting.
pub(super) struct Standard {
    pub(super) name: &'static str,
    /// Its key, when neither another one nor a prefix is written.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Option<&'static str>,
    pub(super) doc: &'static str,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Url,
    OptionalUrl,
    Bool,
    /// At least 1.
    Size,
    Count,
    Duration,
    OptionalDuration,
    OptionalCount,
}

impl Kind {
    /// The type in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Url | Kind::OptionalUrl => "secret URL",
            Kind::Bool => "bool",
            Kind::Size | Kind::Count => "u32",
            Kind::Duration | Kind::OptionalDuration => "duration",
            Kind::OptionalCount => "usize",
        }
    }

    pub(super) fn is_secret(self) -> bool {
        matches!(self, Kind::Url | Kind::OptionalUrl)
    }
}

pub(super) const STANDARD: [Standard; 15] = [
    Standard {
        name: "url",
        key: "DATABASE_URL",
        kind: Kind::Url,
        default: None,
        doc: "Where the database is, and who connects.",
    },
    Standard {
        name: "replica_url",
        key: "DATABASE_REPLICA_URL",
        kind: Kind::OptionalUrl,
        default: None,
        doc: "Where reads may go instead. Not set: everything goes to the database itself.",
    },
    Standard {
        name: "echo",
        key: "DB_ECHO",
        kind: Kind::Bool,
        default: Some("false"),
        doc: "Whether each statement is printed to the console.",
    },
    Standard {
        name: "pool_size",
        key: "DB_POOL_SIZE",
        kind: Kind::Size,
        default: Some("5"),
        doc: "Connections that are kept, at least 1.",
    },
    Standard {
        name: "max_overflow",
        key: "DB_MAX_OVERFLOW",
        kind: Kind::Count,
        default: Some("10"),
        doc: "Connections above those that are kept, opened under load.",
    },
    Standard {
        name: "pool_pre_ping",
        key: "DB_POOL_PRE_PING",
        kind: Kind::Bool,
        default: Some("true"),
        doc: "Whether a connection that idled is asked whether it is alive before it is used.",
    },
    Standard {
        name: "pool_timeout",
        key: "DB_POOL_TIMEOUT",
        kind: Kind::Duration,
        default: Some("30s"),
        doc: "How long a caller waits for a connection.",
    },
    Standard {
        name: "pool_recycle",
        key: "DB_POOL_RECYCLE",
        kind: Kind::Duration,
        default: Some("30m"),
        doc: "The longest life of a connection.",
    },
    Standard {
        name: "idle_timeout",
        key: "DB_POOL_IDLE_TIMEOUT",
        kind: Kind::Duration,
        default: Some("10m"),
        doc: "How long a connection may idle before it is closed.",
    },
    Standard {
        name: "connect_timeout",
        key: "DB_CONNECT_TIMEOUT",
        kind: Kind::Duration,
        default: Some("10s"),
        doc: "How long one attempt to connect may take.",
    },
    Standard {
        name: "statement_timeout",
        key: "DB_STATEMENT_TIMEOUT",
        kind: Kind::OptionalDuration,
        default: None,
        doc: "How long the server lets one statement run. Not set: as the server is configured.",
    },
    Standard {
        name: "statement_cache",
        key: "DB_STATEMENT_CACHE",
        kind: Kind::OptionalCount,
        default: None,
        doc: "Prepared statements kept for each connection; 0 for PgBouncer's transaction mode. Not \
              set: the backend's own number.",
    },
    Standard {
        name: "slow_statement",
        key: "DB_SLOW_STATEMENT",
        kind: Kind::OptionalDuration,
        default: Some("1s"),
        doc: "Statements that take longer are reported; `off` for none.",
    },
    Standard {
        name: "slow_acquire",
        key: "DB_SLOW_ACQUIRE",
        kind: Kind::OptionalDuration,
        default: Some("2s"),
        doc: "Waits for a connection that take longer are reported; `off` for none.",
    },
    Standard {
        name: "leak_threshold",
        key: "DB_LEAK_THRESHOLD",
        kind: Kind::OptionalDuration,
        default: None,
        doc: "Sessions that are open for longer are reported. Not set: none are.",
    },
];

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    STANDARD.iter().map(|setting| setting.name)
}
