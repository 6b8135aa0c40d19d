//! Checks whether the session's transaction is still open. Asks the database for that, and does not read the
//! SQL text.
//!
//! SQLite says whether a transaction is open, but not which one: after `ROLLBACK; BEGIN`, a transaction is
//! open again. A savepoint ends with its transaction and with its connection. So the driver
//! sets a savepoint with a unique name, the mark, ahead of everything that may end the transaction.
//! Afterwards, RELEASE of the mark succeeds only if the transaction is still the same.

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation};
use diesel::sqlite::SqliteConnection;

use super::mark::Mark;
use super::quiet::{Watching, is_panic, noting_panic, quietly};
use super::state::ConnectionState;
use super::{diesel_wrapper, transaction};
use crate::driver::TransactionEnd;

impl Mark {
    /// Sets a mark in the open transaction.
    pub(super) fn set(
        connection: &mut SqliteConnection,
        state: &ConnectionState,
    ) -> QueryResult<Self> {
        let mark = Self::new();
        let name = &mark.name;
        quietly(
            connection,
            state,
            &format!("SAVEPOINT {name}; SAVEPOINT {name}"),
        )?;
        Ok(mark)
    }

    /// Rolls back to the mark. Returns false if the mark is gone.
    pub(super) fn undo(&self, connection: &mut SqliteConnection, state: &ConnectionState) -> bool {
        quietly(connection, state, &format!("ROLLBACK TO {}", self.name)).is_ok()
    }

    /// Releases the mark. If the mark is gone, the session's transaction has ended with an unknown
    /// outcome; a transaction that is open in its place is rolled back.
    pub(super) fn release(self, connection: &mut SqliteConnection, state: &ConnectionState) {
        let release = format!("RELEASE {}", self.name);
        let is_there = match quietly(connection, state, &release) {
            Ok(()) => {
                let _twin = quietly(connection, state, &release);
                true
            }
            // The raw connection's instrumentation panicked, before or after RELEASE ran. Remove
            // the instrumentation; the second savepoint of the same name then shows whether the
            // mark is there.
            Err(error) if is_panic(&error) => {
                let _dropping_it_panicked = noting_panic(state, || {
                    connection.set_instrumentation(no_instrumentation());
                });
                quietly(connection, state, &release).is_ok()
            }
            Err(_) => false,
        };
        if !is_there {
            state.set_end(TransactionEnd::Unseen);
            transaction::roll_back_quietly(connection, state);
        }
    }
}

fn no_instrumentation() -> Option<Box<dyn Instrumentation>> {
    None
}

/// Lends the connection to the body. Marks the open transaction, and records the transaction in diesel's
/// transaction manager.
pub(super) fn enter_raw(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
) -> QueryResult<()> {
    leave_raw(connection, state);
    if state.end().is_some() {
        return Err(diesel::result::Error::NotInTransaction);
    }
    let mark = Mark::set(connection, state)?;
    diesel_wrapper::enter(connection)?;
    state.set_raw(mark);
    if let Some(events) = state.events() {
        events.lend();
    }
    Ok(())
}

/// Takes the connection back from the body, and checks what the body did to the transaction.
pub(super) fn leave_raw(connection: &mut SqliteConnection, state: &ConnectionState) {
    if let Some((mark, is_unbalanced)) = take_back(connection, state) {
        if is_unbalanced {
            state.set_unbalanced();
        }
        mark.release(connection, state);
    }
}

/// Takes the connection back without that check. Returns the mark, and whether the body had left a transaction of
/// its own open.
pub(super) fn take_back(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
) -> Option<(Mark, bool)> {
    let mark = state.take_raw()?;
    if let Some(events) = state.events() {
        events.take_back(!connection.instrumentation().is::<Watching>());
    }
    Some((mark, diesel_wrapper::leave(connection)))
}
