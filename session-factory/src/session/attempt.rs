//! The number of an attempt and of the attempts allowed: `retry` counts them, and the last attempt's error names both.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error};

use crate::error::StatementError;

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) of: u32,
}

impl Attempt {
    /// The only attempt of a call without `retry`.
    pub(super) const ONLY: Self = Self { number: 1, of: 1 };

    /// Adds the attempt's number to the text of an error that another attempt may follow. The text survives the
    /// conversion into the application's error type.
    pub(super) fn counted(self, error: Error) -> Error {
        match error {
            Error::DatabaseError(kind @ DatabaseErrorKind::SerializationFailure, inner)
                if self.of > 1 =>
            {
                let message = self.count(inner.message());
                Error::DatabaseError(kind, Box::new(Counted { message, inner }))
            }
            other => other,
        }
    }

    pub(super) fn counted_statement(self, mut error: StatementError) -> StatementError {
        if self.of > 1 && error.is_transient() {
            error.message = self.count(&error.message);
        }
        error
    }

    fn count(self, message: &str) -> String {
        let Self { number, of } = self;
        format!("{message} (attempt {number} of {of})")
    }
}

/// The database's error, with the attempt's number in its text.
struct Counted {
    message: String,
    inner: Box<dyn DatabaseErrorInformation + Send + Sync>,
}

impl DatabaseErrorInformation for Counted {
    fn message(&self) -> &str {
        &self.message
    }
    fn details(&self) -> Option<&str> {
        self.inner.details()
    }
    fn hint(&self) -> Option<&str> {
        self.inner.hint()
    }
    fn table_name(&self) -> Option<&str> {
        self.inner.table_name()
    }
    fn column_name(&self) -> Option<&str> {
        self.inner.column_name()
    }
    fn constraint_name(&self) -> Option<&str> {
        self.inner.constraint_name()
    }
    fn statement_position(&self) -> Option<i32> {
        self.inner.statement_position()
    }
}
