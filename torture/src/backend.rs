//! The databases that are tried.

use clap::ValueEnum;

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A private PostgreSQL server.
    Postgres,
    /// A private MariaDB server.
    Mysql,
    /// SQLite in a temporary file.
    Sqlite,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Postgres, Self::Mysql, Self::Sqlite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}
