//! SQLite's BEGIN, COMMIT and ROLLBACK, and the wait for its lock.

use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;

use super::quiet::{is_panic, quietly};
use super::state::ConnectionState;
use crate::driver::CommitOutcome;
use crate::error::{StatementError, StatementErrorKind};

pub(super) const IMMEDIATE: &str = "BEGIN IMMEDIATE";
/// SQLite has no read-only transactions; `query_only` makes the connection refuse to write instead.
pub(super) const READ_ONLY: &str = "BEGIN DEFERRED";
const QUERY_ONLY: [&str; 2] = ["PRAGMA query_only = OFF", "PRAGMA query_only = ON"];

/// How long a session waits for another process's write lock. (Sessions of this process queue.)
pub(super) const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// Milliseconds between attempts. SQLite's own busy handler waits in similar steps, but cannot be
/// stopped.
const STEPS: [u64; 8] = [1, 2, 5, 10, 15, 25, 50, 100];

/// Runs BEGIN. Waits for the lock until it is free, `BUSY_LIMIT` passes, or the session is dropped.
pub(super) fn begin(
    connection: &mut SqliteConnection,
    sql: &str,
    state: &ConnectionState,
) -> QueryResult<()> {
    query_only(connection, sql == READ_ONLY, state)?;
    let attempt = |connection: &mut SqliteConnection| quietly(connection, state, sql);
    match patiently(connection, state, attempt) {
        // An earlier transaction was left open unnoticed. Roll it back, rather than lose the connection.
        Err(error) if is_nested(&error) => {
            quietly(connection, state, "ROLLBACK")?;
            patiently(connection, state, attempt)
        }
        Err(error) if sql == IMMEDIATE && !state.is_external() && !state.shares_cache() => {
            Err(held_outside(error, state))
        }
        begun => begun,
    }
}

/// Explains that another process has the lock. Sessions of this process queue, so a session whose turn has
/// come can only meet a lock from outside.
fn held_outside(error: Error, state: &ConnectionState) -> Error {
    if !is_busy(&error, state.shares_cache()) {
        return error;
    }
    Error::DatabaseError(
        DatabaseErrorKind::SerializationFailure,
        Box::new(format!(
            "database is locked: another process, or a connection that is not the pool's, held the write lock for {}",
            crate::time::text(BUSY_LIMIT)
        )),
    )
}

fn is_nested(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information)
        if information.message() == "cannot start a transaction within a transaction")
}

/// Sets `query_only` if it differs. Each change makes SQLite prepare all statements again, so the
/// setting stays after a transaction.
fn query_only(
    connection: &mut SqliteConnection,
    on: bool,
    state: &ConnectionState,
) -> QueryResult<()> {
    if state.is_query_only() != on {
        quietly(connection, state, QUERY_ONLY[usize::from(on)])?;
        state.set_query_only(on);
    }
    Ok(())
}

/// After a transaction, lets a connection of the external pool write again.
fn writable(connection: &mut SqliteConnection, state: &ConnectionState) {
    if state.is_external() && query_only(connection, false, state).is_err() {
        // The reset before the next loan tries again, and closes the connection if that fails too.
        state.set_unclean();
    }
}

/// Returns the error for a session whose turn to write did not come in time.
pub(super) fn turn_did_not_come() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::SerializationFailure,
        Box::new(format!(
            "database is locked: other sessions of this process held the write lock for {}. If this task still has \
             a session open, end it first, or write `read_only` on it if it only reads",
            crate::time::text(BUSY_LIMIT)
        )),
    )
}

/// Repeats `attempt` while another connection has the lock, until the session is dropped.
pub(super) fn patiently<R>(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
    attempt: impl FnMut(&mut SqliteConnection) -> QueryResult<R>,
) -> QueryResult<R> {
    wait(connection, state, attempt, |_| !state.is_stopped())
}

/// Repeats `attempt` while another connection has the lock and `may_wait` returns true.
pub(super) fn wait<R>(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
    mut attempt: impl FnMut(&mut SqliteConnection) -> QueryResult<R>,
    mut may_wait: impl FnMut(&mut SqliteConnection) -> bool,
) -> QueryResult<R> {
    let is_locked = |result: &QueryResult<R>| matches!(result, Err(error) if is_busy(error, state.shares_cache()));
    let mut result = attempt(connection);
    if !is_locked(&result) {
        return result;
    }
    let deadline = crate::time::from_now(BUSY_LIMIT);
    let mut steps = STEPS.iter().chain(std::iter::repeat(&100));
    while is_locked(&result) && Instant::now() < deadline && may_wait(connection) {
        let step = steps.next().copied().unwrap_or(100);
        std::thread::sleep(Duration::from_millis(step));
        result = attempt(connection);
    }
    result
}

/// True if another connection has the lock: `SQLITE_BUSY`, and `SQLITE_LOCKED` if connections share
/// a cache. diesel has no error kinds for them, so their texts are compared whole; a trigger's own
/// error (`the account is locked`) does not match. Without a shared cache, `SQLITE_LOCKED` concerns
/// the connection itself, and waiting changes nothing.
pub(super) fn is_busy(error: &Error, shares_cache: bool) -> bool {
    let Error::DatabaseError(kind, information) = error else {
        return false;
    };
    let message = information.message();
    let locked = || {
        message == "database table is locked"
            || message.starts_with("database table is locked: ")
            || message.starts_with("database schema is locked: ")
    };
    matches!(kind, DatabaseErrorKind::SerializationFailure)
        || message == "database is locked"
        || shares_cache && locked()
}

/// True if a transaction is open. diesel does not expose SQLite's answer, so this tries BEGIN, which fails
/// inside a transaction.
pub(super) fn in_transaction(connection: &mut SqliteConnection, state: &ConnectionState) -> bool {
    match quietly(connection, state, "BEGIN DEFERRED") {
        Ok(()) => {
            let _nothing_to_undo = quietly(connection, state, "ROLLBACK");
            false
        }
        Err(_) => true,
    }
}

pub(super) fn commit(connection: &mut SqliteConnection, state: &ConnectionState) -> CommitOutcome {
    // Never stop a COMMIT that has begun.
    let attempt = |connection: &mut SqliteConnection| quietly(connection, state, "COMMIT");
    let committed = wait(connection, state, attempt, |_| true);
    writable(connection, state);
    let Err(error) = committed else {
        return CommitOutcome::Committed;
    };
    let panicked = is_panic(&error);
    let error = explained(&error, state);
    // After a failed COMMIT, the transaction may still be open.
    if in_transaction(connection, state) {
        roll_back_quietly(connection, state);
        CommitOutcome::Refused(error)
    } else if panicked {
        CommitOutcome::Unknown(error)
    } else if error.message.contains("no transaction is active") {
        CommitOutcome::RolledBack(None)
    } else {
        CommitOutcome::Refused(error)
    }
}

/// Returns the driver's classification of an error.
pub(super) fn explained(error: &Error, state: &ConnectionState) -> StatementError {
    let mut explained = StatementError::from(error);
    if is_busy(error, state.shares_cache()) {
        explained.kind = StatementErrorKind::Serialization;
    }
    explained
}

/// Rolls back an open transaction, if there is one.
pub(super) fn rollback(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
) -> QueryResult<()> {
    let rolled_back = quietly(connection, state, "ROLLBACK");
    writable(connection, state);
    match rolled_back {
        Err(error) if in_transaction(connection, state) => {
            // A panic in the instrumentation may have prevented ROLLBACK, so repeat it.
            quietly(connection, state, "ROLLBACK").map_err(|_| error)
        }
        _ => Ok(()),
    }
}

/// Rolls back a transaction that is not the session's.
pub(super) fn roll_back_quietly(connection: &mut SqliteConnection, state: &ConnectionState) {
    let _nothing_open = quietly(connection, state, "ROLLBACK");
}

#[cfg(test)]
mod tests {
    use diesel::Connection;
    use diesel::connection::SimpleConnection;

    use super::*;

    #[test]
    fn a_transaction_that_was_left_open_costs_nobody_the_connection() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("BEGIN; CREATE TABLE a (b)")
            .unwrap();
        begin(&mut connection, IMMEDIATE, &ConnectionState::default()).unwrap();
        assert!(in_transaction(&mut connection, &ConnectionState::default()));
        // The table disappears with the unnoticed transaction.
        connection.batch_execute("CREATE TABLE a (b)").unwrap();
    }
}
