//! Errors of statements, with what diesel leaves out: that everything can be run again, that the connection is lost.

use diesel::result::{DatabaseErrorKind, Error};

use super::protocol::state::ProtocolState;
use crate::driver::as_conflict;
use crate::error::{StatementError, StatementErrorKind};
use diesel::QueryResult;

/// diesel has no kind for a deadlock, and drops its SQLSTATE.
///
/// Of a connection that the server has closed tokio-postgres says no more than that; the server had said why.
pub(super) fn classified(error: Error, protocol_state: Option<&ProtocolState>) -> Error {
    if let Some(said) = protocol_state.and_then(ProtocolState::fatal)
        && is_the_loss(&error, &said)
    {
        return said.into_words().into();
    }
    let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = &error else {
        return error;
    };
    let deadlock = match protocol_state.and_then(ProtocolState::last_error) {
        Some(said) => said.is_transient() && said.message == information.message(),
        // Of an application's pool only the text is left.
        None => protocol_state.is_none() && information.message() == "deadlock detected",
    };
    if deadlock { as_conflict(error) } else { error }
}

/// The server's last words, or what the client says when it finds nobody there.
fn is_the_loss(error: &Error, said: &StatementError) -> bool {
    let error = StatementError::from(error);
    error.kind == StatementErrorKind::Connection || error.message == said.message
}

/// The connection is lost.
pub(super) fn is_lost(result: &QueryResult<()>) -> bool {
    let lost = |error| StatementError::from(error).kind == StatementErrorKind::Connection;
    result.as_ref().is_err_and(lost)
}
