//! The table of standard settings. A new setting needs a row here and a field of `Settings` in the
//! runtime crate.

use super::range::Bounds;

/// One standard setting.
pub(super) struct Standard {
    pub(super) name: &'static str,
    /// The key, if the user writes neither another key nor a prefix.
    pub(super) key: &'static str,
    /// The heading in `.env.example`.
    pub(super) group: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Option<&'static str>,
    pub(super) doc: &'static str,
}

/// The kind of value that a setting takes.
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
    /// At least 1, or off.
    OptionalSize,
    /// One of a few words.
    Choice(&'static Choice),
}

impl Kind {
    /// The type in words, for messages and documentation.
    pub(super) fn words(self) -> &'static str {
        match self {
            Kind::Url | Kind::OptionalUrl => "secret URL",
            Kind::Bool => "bool",
            Kind::Size | Kind::Count | Kind::OptionalSize => "u32",
            Kind::Duration | Kind::OptionalDuration => "duration",
            Kind::OptionalCount => "usize",
            Kind::Choice(choice) => choice.ty,
        }
    }

    /// The kind of number that a range's bounds must be; `None` if a range makes no sense.
    pub(super) fn bounds(self) -> Option<Bounds> {
        match self {
            Kind::Url | Kind::OptionalUrl | Kind::Bool | Kind::Choice(_) => None,
            Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize => {
                Some(Bounds::Whole)
            }
            Kind::Duration | Kind::OptionalDuration => Some(Bounds::Durations),
        }
    }

    /// True if the field is an `Option`.
    pub(super) fn is_optional(self) -> bool {
        matches!(
            self,
            Kind::OptionalUrl | Kind::OptionalDuration | Kind::OptionalCount | Kind::OptionalSize
        )
    }

    pub(super) fn is_secret(self) -> bool {
        matches!(self, Kind::Url | Kind::OptionalUrl)
    }
}

/// The words that a setting takes, and the variants that they stand for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The type of the field, in `session_factory::config`.
    pub(super) ty: &'static str,
    pub(super) words: &'static [(&'static str, &'static str)],
}

/// The words that `config/trace_text.rs` in the runtime crate reads. Change both together.
pub(super) const TRACE_TEXT: Choice = Choice {
    ty: "TraceText",
    words: &[
        ("off", "Off"),
        ("parameterized", "Parameterized"),
        ("all", "All"),
    ],
};

pub(super) const STANDARD: [Standard; 17] = [
    Standard {
        name: "url",
        key: "DATABASE_URL",
        group: "The database",
        kind: Kind::Url,
        default: None,
        doc: "Where the database is, and who connects.",
    },
    Standard {
        name: "replica_url",
        key: "DATABASE_REPLICA_URL",
        group: "The database",
        kind: Kind::OptionalUrl,
        default: None,
        doc: "Where reads may go instead. Not set: everything goes to the database itself.",
    },
    Standard {
        name: "echo",
        key: "DB_ECHO",
        group: "Reports",
        kind: Kind::Bool,
        default: Some("false"),
        doc: "Whether each statement is printed to the console.",
    },
    Standard {
        name: "pool_size",
        key: "DB_POOL_SIZE",
        group: "The pool",
        kind: Kind::Size,
        default: Some("5"),
        doc: "Connections that are kept, at least 1.",
    },
    Standard {
        name: "max_overflow",
        key: "DB_MAX_OVERFLOW",
        group: "The pool",
        kind: Kind::Count,
        default: Some("10"),
        doc: "Connections above those that are kept, opened under load.",
    },
    Standard {
        name: "pool_pre_ping",
        key: "DB_POOL_PRE_PING",
        group: "The pool",
        kind: Kind::Bool,
        default: Some("true"),
        doc: "Whether a connection that idled is asked whether it is alive before it is used.",
    },
    Standard {
        name: "pool_timeout",
        key: "DB_POOL_TIMEOUT",
        group: "The pool",
        kind: Kind::Duration,
        default: Some("30s"),
        doc: "How long a caller waits for a connection; `off` for as long as it takes.",
    },
    Standard {
        name: "pool_recycle",
        key: "DB_POOL_RECYCLE",
        group: "The pool",
        kind: Kind::Duration,
        default: Some("30m"),
        doc: "The longest life of a connection; `off`: no limit.",
    },
    Standard {
        name: "idle_timeout",
        key: "DB_POOL_IDLE_TIMEOUT",
        group: "The pool",
        kind: Kind::Duration,
        default: Some("10m"),
        doc: "How long a connection may idle before it is closed; `off` for as long as it lives.",
    },
    Standard {
        name: "connect_timeout",
        key: "DB_CONNECT_TIMEOUT",
        group: "The pool",
        kind: Kind::Duration,
        default: Some("10s"),
        doc: "How long one attempt to connect may take; `off` for as long as it takes.",
    },
    Standard {
        name: "statement_timeout",
        key: "DB_STATEMENT_TIMEOUT",
        group: "Statements",
        kind: Kind::OptionalDuration,
        default: None,
        doc: "How long the server lets one statement run. Not set: as the server is configured.",
    },
    Standard {
        name: "statement_cache",
        key: "DB_STATEMENT_CACHE",
        group: "Statements",
        kind: Kind::OptionalCount,
        default: None,
        doc: "Whether a connection keeps the statements that it prepared: 0 for none, any other number for \
              all. Not set: all, and none behind PgBouncer.",
    },
    Standard {
        name: "slow_statement",
        key: "DB_SLOW_STATEMENT",
        group: "Reports",
        kind: Kind::OptionalDuration,
        default: Some("1s"),
        doc: "Statements that take longer are reported; `off` for none.",
    },
    Standard {
        name: "slow_acquire",
        key: "DB_SLOW_ACQUIRE",
        group: "Reports",
        kind: Kind::OptionalDuration,
        default: Some("2s"),
        doc: "Waits for a connection that take longer, and get one, are reported; `off` for none.",
    },
    Standard {
        name: "leak_threshold",
        key: "DB_LEAK_THRESHOLD",
        group: "Reports",
        kind: Kind::OptionalDuration,
        default: None,
        doc: "A session that holds its connection for longer is reported, and again when the connection \
              comes back; at least 2s. Not set: none is.",
    },
    Standard {
        name: "statement_budget",
        key: "DB_STATEMENT_BUDGET",
        group: "Reports",
        kind: Kind::OptionalSize,
        default: None,
        doc: "A call that runs more statements is reported, with the statement that ran most often. Not \
              set: none is.",
    },
    Standard {
        name: "trace_text",
        key: "DB_TRACE_TEXT",
        group: "Reports",
        kind: Kind::Choice(&TRACE_TEXT),
        default: Some("parameterized"),
        doc: "What the spans of statements show of their texts (feature `tracing`): `off`, `parameterized` \
              (queries; of scripts the summary) or `all`. Never a value.",
    },
];

/// Names that are written like settings, but configure the factory as a whole.
pub(super) const GLOBALS: [&str; 3] = ["prefix", "dotenv", "crate"];

/// The names of all standard settings.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    STANDARD.iter().map(|setting| setting.name)
}

/// The standard setting of this name.
pub(super) fn standard(name: &str) -> Option<&'static Standard> {
    STANDARD.iter().find(|setting| setting.name == name)
}

/// The default key of a setting or of a custom key.
pub(super) fn key_of(name: &str) -> String {
    standard(name).map_or_else(|| name.to_uppercase(), |standard| standard.key.to_owned())
}
