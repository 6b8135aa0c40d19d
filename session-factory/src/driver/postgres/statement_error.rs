//! Adds to statement errors what diesel leaves out: that a retry may succeed, or that the connection is lost.

use diesel::result::{DatabaseErrorKind, Error};

use super::protocol::state::ProtocolState;
use crate::driver::as_conflict;
use crate::error::{StatementError, StatementErrorKind};
use diesel::QueryResult;

/// Classifies a deadlock, for which diesel has no kind and whose SQLSTATE it drops.
///
/// If the server has closed the connection, tokio-postgres reports only that. This function then returns the server's
/// last error, which has the reason.
pub(super) fn classified(error: Error, protocol_state: Option<&ProtocolState>) -> Error {
    if let Some(said) = protocol_state.and_then(ProtocolState::fatal)
        && is_the_loss(&error, &said)
    {
        return said.into_words().into();
    }
    // diesel-async drops the cause, so name the possible ones.
    if let Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, information) = &error
        && information.message() == "error encoding message to server"
    {
        let causes = "error encoding message to server: a text with a NUL byte, more than 65535 binds, or a value that is \
                      too long";
        return Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand,
            Box::new(causes.to_owned()),
        );
    }
    let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = &error else {
        return error;
    };
    let deadlock = match protocol_state.and_then(ProtocolState::last_error) {
        Some(said) => said.is_transient() && said.message == information.message(),
        // An external pool's connection has no protocol state, so the driver can only compare the message.
        None => protocol_state.is_none() && information.message() == "deadlock detected",
    };
    if deadlock { as_conflict(error) } else { error }
}

/// True if `error` is the server's last error, or the client's report of the closed connection.
fn is_the_loss(error: &Error, said: &StatementError) -> bool {
    let error = StatementError::from(error);
    error.kind == StatementErrorKind::Connection || error.message == said.message
}

/// True if the error says that the connection is lost.
pub(super) fn is_lost(result: &QueryResult<()>) -> bool {
    let lost = |error| StatementError::from(error).kind == StatementErrorKind::Connection;
    result.as_ref().is_err_and(lost)
}
