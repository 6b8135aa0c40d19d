//! The databases for the ledger.

use clap::ValueEnum;

/// A database, with its standbys, pooler or cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ground {
    /// A private PostgreSQL server.
    Postgres,
    /// A primary and two standbys, one of them synchronous; read-only calls use the standbys.
    Replicated,
    /// A private PostgreSQL server behind PgBouncer in transaction mode.
    Pgbouncer,
    /// A private MariaDB server.
    Mysql,
    /// A private cluster of three MariaDB servers.
    Galera,
    /// SQLite in a temporary file.
    Sqlite,
}

impl Ground {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Replicated => "replicated",
            Self::Pgbouncer => "pgbouncer",
            Self::Mysql => "mysql",
            Self::Galera => "galera",
            Self::Sqlite => "sqlite",
        }
    }
}
