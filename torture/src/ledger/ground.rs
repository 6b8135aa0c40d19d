//! What the money is moved on.

use clap::ValueEnum;

/// A database, and what stands before or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ground {
    /// A private PostgreSQL server.
    Postgres,
    /// A primary and two standbys, one of them synchronous: what only reads reads there.
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
