//! Whether the transaction is still the one that the session began: the database is asked, and not the text.
//!
//! SQLite says whether there is a transaction, and not which one: after `ROLLBACK; BEGIN` there is one as before. A
//! savepoint goes with its transaction, and with its connection, whoever takes those away. So one with a name that
//! nobody else has marks the transaction ahead of whatever may end it, and can be released behind it only if nothing
//! did.

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation};
use diesel::sqlite::SqliteConnection;

use super::mark::Mark;
use super::quiet::{Watching, is_panic, noting_panic, quietly};
use super::state::ConnectionState;
use super::transaction_end::TransactionEnd;
use super::{diesel_wrapper, transaction};

impl Mark {
    /// Sets one in the transaction that is open.
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

    /// Undoes what was done since. False when the mark is gone.
    pub(super) fn undo(&self, connection: &mut SqliteConnection, state: &ConnectionState) -> bool {
        quietly(connection, state, &format!("ROLLBACK TO {}", self.name)).is_ok()
    }

    /// Takes it away again. Where it is gone the transaction is over, and nobody knows what became of it. What is open
    /// in its place is rolled back.
    pub(super) fn release(self, connection: &mut SqliteConnection, state: &ConnectionState) {
        let release = format!("RELEASE {}", self.name);
        let is_there = match quietly(connection, state, &release) {
            Ok(()) => {
                let _twin = quietly(connection, state, &release);
                true
            }
            // The instrumentation of the raw connection panicked, and RELEASE was run or not. Without it the twin tells.
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

/// Lends the connection to the body: its transaction is marked, and entered into diesel's own bookkeeping.
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

/// Takes it back, and looks at what was done to its transaction.
pub(super) fn leave_raw(connection: &mut SqliteConnection, state: &ConnectionState) {
    if let Some((mark, depth)) = take_back(connection, state) {
        if depth > 1 {
            state.set_unbalanced();
        }
        mark.release(connection, state);
    }
}

/// Takes it back without a look: its mark, and how deep the body's own transactions were.
pub(super) fn take_back(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
) -> Option<(Mark, u32)> {
    let mark = state.take_raw()?;
    if let Some(events) = state.events() {
        events.take_back(!connection.instrumentation().is::<Watching>());
    }
    Some((mark, diesel_wrapper::leave(connection)))
}
