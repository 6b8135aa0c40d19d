//! A BEGIN that fails by itself, with a statement behind it in the same flight.
//!
//! The statement then runs without a transaction, and what it changed is committed. That happens when a
//! `statement_timeout` or a cancel request hits BEGIN on a server that stalls. No cancel request of ours is sent
//! before BEGIN is answered; what is left is told to the caller as it is.

use super::protocol::state::ProtocolState;
use crate::driver::Reply;
use crate::error::{PartlyCommitted, SessionError, StatementError, StatementErrorKind};

/// What the caller is told of a statement with a BEGIN ahead.
pub(super) fn report<T>(reply: Reply<T>, protocol_state: Option<&ProtocolState>) -> Reply<T> {
    let Reply {
        ahead: Err(begin),
        result,
        unsent,
    } = reply
    else {
        return reply;
    };
    let error = StatementError::from(&begin);
    let ran = match &result {
        Ok(_) => true,
        // BEGIN was answered, and the statement not: nobody knows.
        Err(unanswered) => {
            is_lost(unanswered)
                && protocol_state.is_some_and(|protocol_state| {
                    protocol_state.fatal().is_none() && protocol_state.last_error().is_some()
                })
        }
    };
    let ahead = if ran && !is_lost(&begin) {
        SessionError::from(PartlyCommitted::NotBegun(error)).into()
    } else {
        begin
    };
    Reply {
        ahead: Err(ahead),
        result,
        unsent,
    }
}

fn is_lost(error: &diesel::result::Error) -> bool {
    StatementError::from(error).kind == StatementErrorKind::Connection
}
