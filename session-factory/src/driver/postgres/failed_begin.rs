//! Handles a BEGIN that failed although a statement followed it in the same flight.
//!
//! The server then runs the statement in autocommit and commits its changes. This happens when a `statement_timeout` or
//! another client's cancel request hits BEGIN on a server that stalls; the driver itself sends no cancel request before
//! BEGIN is answered. The caller gets an error that says that the statement may have been committed.

use super::protocol::state::ProtocolState;
use crate::driver::Reply;
use crate::error::{PartlyCommitted, SessionError, StatementError, StatementErrorKind};

/// Replaces BEGIN's error if the statement after it ran, or may have run.
pub(super) fn report<T>(reply: Reply<T>, protocol_state: Option<&ProtocolState>) -> Reply<T> {
    let Reply {
        prelude: Err(begin),
        result,
        unsent,
    } = reply
    else {
        return reply;
    };
    let error = StatementError::from(&begin);
    let ran = match &result {
        Ok(_) => true,
        // The connection was lost after BEGIN's answer: the statement's outcome is unknown.
        Err(unanswered) => {
            is_lost(unanswered)
                && protocol_state.is_some_and(|protocol_state| {
                    protocol_state.fatal().is_none() && protocol_state.last_error().is_some()
                })
        }
    };
    let prelude = if ran && !is_lost(&begin) {
        SessionError::from(PartlyCommitted::NotBegun(error)).into()
    } else {
        begin
    };
    Reply {
        prelude: Err(prelude),
        result,
        unsent,
    }
}

fn is_lost(error: &diesel::result::Error) -> bool {
    StatementError::from(error).kind == StatementErrorKind::Connection
}
