//! Parses `ErrorResponse`.

use crate::error::{StatementError, StatementErrorKind};

/// Returns the error, and true if the server closes the connection after it.
pub(crate) fn parse(body: &[u8]) -> (StatementError, bool) {
    let mut error = StatementError {
        kind: StatementErrorKind::Unknown,
        message: String::new(),
        sqlstate: None,
        code: None,
        detail: None,
    };
    let mut fatal = false;
    let mut outdated = false;
    for field in body.split(|byte| *byte == 0) {
        let Some((tag, text)) = field.split_first() else {
            continue;
        };
        let text = || String::from_utf8_lossy(text).into_owned();
        match tag {
            b'V' => fatal = matches!(text().as_str(), "FATAL" | "PANIC"),
            b'C' => error.sqlstate = Some(text()),
            b'M' => error.message = text(),
            b'D' => error.detail = Some(text()),
            b'R' => outdated = text() == "RevalidateCachedQuery",
            _ => {}
        }
    }
    let sqlstate = error.sqlstate.as_deref().unwrap_or_default();
    error.kind = if fatal {
        StatementErrorKind::Connection
    } else if outdated && sqlstate == "0A000" || is_of_a_type_that_is_gone(&error) {
        // A table or type was replaced since the statement was prepared. A retry elsewhere prepares the statement anew.
        StatementErrorKind::Serialization
    } else {
        kind_of(sqlstate)
    };
    (error, fatal)
}

/// True if the client sent a dropped type's OID. The server never translates this text, because the error is internal.
fn is_of_a_type_that_is_gone(error: &StatementError) -> bool {
    error.sqlstate() == Some("XX000") && error.message().starts_with("cache lookup failed for type")
}

/// True if a bound value's type may differ from the type that its type's name now resolves to. The cause is a new type
/// with that name, or a wrong query.
pub(crate) fn may_be_of_another_type(error: &StatementError) -> bool {
    matches!(error.sqlstate(), Some("42704" | "42804" | "42883"))
}

/// True if the connection's prepared statements are stale (a table was altered), or the server no longer has them.
pub(crate) fn is_of_prepared_statements(error: &StatementError) -> bool {
    let outdated = error.kind == StatementErrorKind::Serialization;
    match error.sqlstate() {
        Some("0A000" | "XX000") => outdated,
        Some("26000") => true,
        _ => false,
    }
}

/// diesel's kind for a SQLSTATE, except that a deadlock is `Serialization` (diesel: `Unknown`).
fn kind_of(sqlstate: &str) -> StatementErrorKind {
    match sqlstate {
        "23505" => StatementErrorKind::Unique,
        "23503" => StatementErrorKind::ForeignKey,
        "23001" => StatementErrorKind::Restrict,
        "23P01" => StatementErrorKind::Exclusion,
        "23502" => StatementErrorKind::NotNull,
        "23514" => StatementErrorKind::Check,
        "40001" | "40P01" => StatementErrorKind::Serialization,
        "25006" => StatementErrorKind::ReadOnly,
        state if state.starts_with("08") || state.starts_with("57P") => {
            StatementErrorKind::Connection
        }
        _ => StatementErrorKind::Unknown,
    }
}
