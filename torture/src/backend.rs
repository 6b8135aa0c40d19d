//! The tested databases.

use clap::ValueEnum;

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A private PostgreSQL server.
    Postgres,
    /// PostgreSQL behind PgBouncer in transaction mode. Tested only on request.
    Pgbouncer,
    /// A private MariaDB server.
    Mysql,
    /// SQLite in a temporary file.
    Sqlite,
}

impl Backend {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::Pgbouncer, Self::Mysql, Self::Sqlite];
    /// The databases that are tested by default.
    pub(crate) const USUAL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Sqlite];

    /// The database behind it.
    pub(crate) fn engine(self) -> Self {
        match self {
            Self::Pgbouncer => Self::Postgres,
            itself => itself,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Pgbouncer => "pgbouncer",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}
