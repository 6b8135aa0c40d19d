//! The database's error for a statement.

use std::fmt;

use crate::one_line::one_line;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// A database's error for a statement: kind, message and, if the server sends one, its SQLSTATE,
/// which diesel's own error drops.
#[derive(Debug, Clone)]
pub struct StatementError {
    pub(crate) kind: StatementErrorKind,
    pub(crate) message: String,
    pub(crate) sqlstate: Option<String>,
    pub(crate) code: Option<u16>,
    pub(crate) detail: Option<String>,
}

/// Marks an error through its `detail`, which is free because SQLite's own errors have none.
const ROLLED_BACK: &str = "the database rolled the whole transaction back";

/// Mirrors diesel's `DatabaseErrorKind`, which is not `Clone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementErrorKind {
    Unique,
    ForeignKey,
    Restrict,
    Exclusion,
    NotNull,
    Check,
    Serialization,
    ReadOnly,
    Connection,
    /// The client could not encode or send the statement, so the database has not seen it.
    Unsent,
    Unknown,
}

impl StatementError {
    /// The error's message if the application's code panicked before the statement reached the
    /// database, or before the answer reached the caller.
    pub(crate) const PANICKED: &'static str =
        "the application's code panicked while a statement ran (an instrumentation, say)";

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self {
            kind: StatementErrorKind::Connection,
            message: message.into(),
            sqlstate: None,
            code: None,
            detail: None,
        }
    }

    /// The error for a statement that the client could not encode or send, although the connection
    /// is usable.
    pub(crate) fn unsent(self) -> Self {
        Self {
            kind: StatementErrorKind::Unsent,
            ..self
        }
    }

    /// The error for a COMMIT that fails because of a conflict with another transaction.
    #[cfg(feature = "testing")]
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self {
            kind: StatementErrorKind::Serialization,
            ..Self::connection(message)
        }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self {
            kind: StatementErrorKind::Unknown,
            ..Self::connection(message)
        }
    }

    /// Returns the error with its SQLSTATE in the message, because diesel's errors have no field for
    /// it.
    #[cfg(feature = "postgres")]
    pub(crate) fn into_words(self) -> Self {
        let message = match &self.sqlstate {
            Some(sqlstate) => format!("{} [SQLSTATE {sqlstate}]", self.message),
            None => self.message,
        };
        Self { message, ..self }
    }

    /// The error for a statement that failed and rolled the whole transaction back.
    #[cfg(feature = "sqlite")]
    pub(crate) fn that_rolled_back(self) -> Self {
        Self {
            detail: Some(ROLLED_BACK.to_owned()),
            ..self
        }
    }

    /// True if the database rolled back the whole transaction and not only the statement, so that a
    /// savepoint around the statement is lost as well.
    pub(crate) fn has_rolled_back(&self) -> bool {
        self.detail.as_deref() == Some(ROLLED_BACK)
    }

    /// Returns the server's message, unchanged. `Display` escapes newlines and other control characters, so that a
    /// value in the message cannot forge a log line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the five characters of SQLSTATE, such as `23505`. `None` on SQLite, and if the connection
    /// broke before the server sent an error.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// Returns MySQL's and MariaDB's error number, such as 1213 for a deadlock. `None` on other databases.
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn is_connection(&self) -> bool {
        self.kind == StatementErrorKind::Connection
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.kind == StatementErrorKind::ReadOnly
    }

    /// True if running the whole unit of work again may succeed: after a serialization failure, a
    /// deadlock, a busy SQLite database, or a change to a table that made PostgreSQL
    /// refuse a prepared statement.
    pub fn is_transient(&self) -> bool {
        self.kind == StatementErrorKind::Serialization
            || matches!(self.sqlstate(), Some("40001" | "40P01"))
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))?;
        if let Some(code) = self.code {
            write!(f, " [error {code}]")?;
        }
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for StatementError {}

impl From<&DieselError> for StatementError {
    fn from(error: &DieselError) -> Self {
        use StatementErrorKind as Kind;
        let (kind, message, detail) = match error {
            DieselError::DatabaseError(kind, information) => (
                match kind {
                    DatabaseErrorKind::UniqueViolation => Kind::Unique,
                    DatabaseErrorKind::ForeignKeyViolation => Kind::ForeignKey,
                    DatabaseErrorKind::RestrictViolation => Kind::Restrict,
                    DatabaseErrorKind::ExclusionViolation => Kind::Exclusion,
                    DatabaseErrorKind::NotNullViolation => Kind::NotNull,
                    DatabaseErrorKind::CheckViolation => Kind::Check,
                    DatabaseErrorKind::SerializationFailure => Kind::Serialization,
                    DatabaseErrorKind::ReadOnlyTransaction => Kind::ReadOnly,
                    DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ClosedConnection => Kind::Connection,
                    _ => Kind::Unknown,
                },
                information.message().to_owned(),
                information.details().map(str::to_owned),
            ),
            other => (Kind::Unknown, other.to_string(), None),
        };
        Self {
            kind,
            message,
            sqlstate: None,
            code: None,
            detail,
        }
    }
}

impl DatabaseErrorInformation for StatementError {
    fn message(&self) -> &str {
        &self.message
    }
    fn details(&self) -> Option<&str> {
        self.detail.as_deref()
    }
    fn hint(&self) -> Option<&str> {
        None
    }
    fn table_name(&self) -> Option<&str> {
        None
    }
    fn column_name(&self) -> Option<&str> {
        None
    }
    fn constraint_name(&self) -> Option<&str> {
        None
    }
    fn statement_position(&self) -> Option<i32> {
        None
    }
}

impl From<StatementError> for DieselError {
    fn from(error: StatementError) -> Self {
        use StatementErrorKind as Kind;
        let kind = match error.kind {
            Kind::Unique => DatabaseErrorKind::UniqueViolation,
            Kind::ForeignKey => DatabaseErrorKind::ForeignKeyViolation,
            Kind::Restrict => DatabaseErrorKind::RestrictViolation,
            Kind::Exclusion => DatabaseErrorKind::ExclusionViolation,
            Kind::NotNull => DatabaseErrorKind::NotNullViolation,
            Kind::Check => DatabaseErrorKind::CheckViolation,
            Kind::Serialization => DatabaseErrorKind::SerializationFailure,
            Kind::ReadOnly => DatabaseErrorKind::ReadOnlyTransaction,
            Kind::Connection => DatabaseErrorKind::ClosedConnection,
            Kind::Unsent => DatabaseErrorKind::UnableToSendCommand,
            Kind::Unknown => DatabaseErrorKind::Unknown,
        };
        DieselError::DatabaseError(kind, Box::new(error))
    }
}
