//! The application's instrumentation may panic: what is known of the transaction does not depend on that.
//!
//! It hears of the application's statements, and of nothing that is run for the crate's own sake, as long as it is the
//! session's: one that was set on the raw connection hears of all that runs there.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;

use super::state::ConnectionState;
use crate::error::StatementError;
use crate::observe::Relay;
use crate::panics;

/// What diesel's connection reports to.
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

/// On the raw connection nobody else hears of it.
struct NotesPanic<'a>(&'a ConnectionState);

impl Drop for NotesPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_panicked();
        }
    }
}

/// Runs a statement of the crate's own.
///
/// # Errors
/// What the database said, or that an instrumentation panicked that was set on the raw connection.
pub(super) fn quietly(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
    sql: &str,
) -> QueryResult<()> {
    let done = noting_panic(state, || connection.batch_execute(sql));
    done.unwrap_or_else(|| Err(panicked()))
}

/// Calls what may call the application's code. None: it panicked, and the connection is not to be trusted.
pub(super) fn noting_panic<T>(state: &ConnectionState, call: impl FnOnce() -> T) -> Option<T> {
    let done = panics::contained(call);
    if done.is_none() {
        state.set_panicked();
    }
    done
}

/// What is told of that.
pub(super) fn panicked() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::UnableToSendCommand,
        Box::new(StatementError::PANICKED.to_owned()),
    )
}

pub(super) fn is_panic(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message() == StatementError::PANICKED)
}
