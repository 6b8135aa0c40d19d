//! An error as one word, for `error.type` of reports, spans and metrics: never the message, which may quote a value.

use std::borrow::Cow;

use crate::error::{SessionError, StatementError, StatementErrorKind as Kind};

/// Returns the SQLSTATE, MySQL's error number, or the kind.
pub(crate) fn of_statement(error: &StatementError) -> Cow<'static, str> {
    if let Some(code) = error.code() {
        return code.to_string().into();
    }
    if let Some(sqlstate) = error.sqlstate() {
        return sqlstate.to_owned().into();
    }
    match error.kind {
        Kind::Unique => "unique_violation",
        Kind::ForeignKey => "foreign_key_violation",
        Kind::Restrict => "restrict_violation",
        Kind::Exclusion => "exclusion_violation",
        Kind::NotNull => "not_null_violation",
        Kind::Check => "check_violation",
        Kind::Serialization => "serialization_failure",
        Kind::ReadOnly => "read_only",
        Kind::Connection => "connection",
        Kind::Unsent => "unsent",
        Kind::Unknown => OTHER,
    }
    .into()
}

/// OpenTelemetry's word for an error without a name.
pub(super) const OTHER: &str = "_OTHER";

/// Returns the word for an error that the session itself returned.
pub(super) fn of_session(error: &SessionError) -> Cow<'static, str> {
    match error {
        SessionError::Config(_) => "config".into(),
        SessionError::Acquire(error) if error.at_once => "connect".into(),
        SessionError::Acquire(_) => "acquire".into(),
        SessionError::Nested(_) => "nested".into(),
        SessionError::Aborted(_) => "aborted".into(),
        SessionError::Commit(_) => "commit".into(),
        SessionError::CommitUnknown(_) => "commit_unknown".into(),
        SessionError::PartlyCommitted(_) => "partly_committed".into(),
        SessionError::Rollback(_) => "rollback".into(),
        SessionError::InSavepoint(_) => "in_savepoint".into(),
        SessionError::NotBegun(_) => "not_begun".into(),
        SessionError::Timeout(_) => "timeout".into(),
        SessionError::Closed => "closed".into(),
        SessionError::RuntimeEnded => "runtime_ended".into(),
        SessionError::Query(error) => of_statement(&error.into()),
    }
}
