//! Keeps the driver's knowledge of the transaction independent of panics in the application's
//! instrumentation.
//!
//! The session's instrumentation receives events of the application's statements, and none of the
//! driver's own. An instrumentation that the body sets on the raw connection receives all of them.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;

use super::state::ConnectionState;
use crate::error::StatementError;
use crate::observe::Relay;
use crate::panics;

/// The instrumentation of diesel's connection.
pub(super) struct Watching {
    relay: Relay,
    state: Arc<ConnectionState>,
}

impl Watching {
    pub(super) fn new(relay: Relay, state: &Arc<ConnectionState>) -> Self {
        Self {
            relay,
            state: Arc::clone(state),
        }
    }
}

impl Instrumentation for Watching {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let _noted = NotesPanic(&self.state);
        self.relay.on_connection_event(event);
    }
}

/// Records a panic that passes through. On the raw connection, the driver cannot notice it otherwise.
struct NotesPanic<'a>(&'a ConnectionState);

impl Drop for NotesPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_panicked();
        }
    }
}

/// Runs one of the driver's own statements.
///
/// # Errors
/// The database's error, or the panic of an instrumentation that the body set on the raw
/// connection.
pub(super) fn quietly(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
    sql: &str,
) -> QueryResult<()> {
    let done = noting_panic(state, || connection.batch_execute(sql));
    done.unwrap_or_else(|| Err(panicked()))
}

/// Calls a function that may call the application's code. `None` if it panicked; the connection
/// then counts as unclean.
pub(super) fn noting_panic<T>(state: &ConnectionState, call: impl FnOnce() -> T) -> Option<T> {
    let done = panics::contained(call);
    if done.is_none() {
        state.set_panicked();
    }
    done
}

/// Returns the error for a panic of the application's code.
pub(super) fn panicked() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::UnableToSendCommand,
        Box::new(StatementError::PANICKED.to_owned()),
    )
}

pub(super) fn is_panic(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message() == StatementError::PANICKED)
}
