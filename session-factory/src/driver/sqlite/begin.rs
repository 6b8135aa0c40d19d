//! BEGIN, COMMIT and ROLLBACK of SQLite, with the waiting for its lock.

use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;

use super::facts::Facts;
use crate::driver::CommitReply;
use crate::error::{StatementError, StatementErrorKind};

pub(super) const IMMEDIATE: &str = "BEGIN IMMEDIATE";
/// SQLite has no read-only transactions; it has connections that refuse to write.
pub(super) const READ_ONLY: &str = "BEGIN DEFERRED";
const QUERY_ONLY: [&str; 2] = ["PRAGMA query_only = OFF", "PRAGMA query_only = ON"];

/// How long a session waits for another process's write lock. (Sessions of this process queue for it.)
pub(super) const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// SQLite's own handler waits in steps like these, but cannot be told to stop.
const STEPS: [u64; 8] = [1, 2, 5, 10, 15, 25, 50, 100];

/// Begins, waiting for the lock; gives up when the session is gone.
pub(super) fn begin(
    connection: &mut SqliteConnection,
    sql: &str,
    facts: &Facts,
) -> QueryResult<()> {
    query_only(connection, sql == READ_ONLY, facts)?;
    match patiently(|| connection.batch_execute(sql), || facts.is_stopped()) {
        // Whatever was overlooked has not lost its connection for good.
        Err(error) if is_nested(&error) => {
            connection.batch_execute("ROLLBACK")?;
            patiently(|| connection.batch_execute(sql), || facts.is_stopped())
        }
        begun => begun,
    }
}

fn is_nested(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information)
        if information.message() == "cannot start a transaction within a transaction")
}

/// Every change has all statements prepared again, so a connection stays as its last transaction was.
fn query_only(connection: &mut SqliteConnection, on: bool, facts: &Facts) -> QueryResult<()> {
    if facts.is_query_only() != on {
        connection.batch_execute(QUERY_ONLY[usize::from(on)])?;
        facts.set_query_only(on);
    }
    Ok(())
}

/// The transaction is over: a connection of the application's pool may write again.
fn writable(connection: &mut SqliteConnection, facts: &Facts) {
    if facts.is_foreign() && query_only(connection, false, facts).is_err() {
        // The reset before the next borrower tries again, and closes the connection if it cannot.
        facts.set_unclean();
    }
}

/// What a session is told whose turn to write has not come in time.
pub(super) fn turn_did_not_come() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::SerializationFailure,
        Box::new(format!(
            "database is locked: other sessions of this process held the write lock for {BUSY_LIMIT:?}"
        )),
    )
}

fn patiently(
    mut attempt: impl FnMut() -> QueryResult<()>,
    stopped: impl Fn() -> bool,
) -> QueryResult<()> {
    let deadline = Instant::now() + BUSY_LIMIT;
    let mut steps = STEPS.iter().chain(std::iter::repeat(&100));
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && Instant::now() < deadline && !stopped() => {
                let step = steps.next().copied().unwrap_or(100);
                std::thread::sleep(Duration::from_millis(step));
            }
            other => return other,
        }
    }
}

/// `SQLITE_BUSY` and `SQLITE_LOCKED`, for which diesel has no kind: their texts are known, and what a trigger of the
/// application's raises (`the account is locked`) is none of them.
pub(super) fn is_busy(error: &Error) -> bool {
    let Error::DatabaseError(kind, information) = error else {
        return false;
    };
    let message = information.message();
    matches!(kind, DatabaseErrorKind::SerializationFailure)
        || matches!(message, "database is locked" | "database table is locked")
        || message.starts_with("database table is locked: ")
        || message.starts_with("database schema is locked: ")
}

/// SQLite has no way to ask; but BEGIN inside a transaction fails.
pub(super) fn in_transaction(connection: &mut SqliteConnection) -> bool {
    match connection.batch_execute("BEGIN DEFERRED") {
        Ok(()) => {
            let _nothing_to_undo = connection.batch_execute("ROLLBACK");
            false
        }
        Err(_) => true,
    }
}

pub(super) fn commit(connection: &mut SqliteConnection, facts: &Facts) -> CommitReply {
    let committed = patiently(|| connection.batch_execute("COMMIT"), || false);
    writable(connection, facts);
    let Err(error) = committed else {
        return CommitReply::Committed;
    };
    let busy = is_busy(&error);
    let mut error = StatementError::from(&error);
    if busy {
        error.kind = StatementErrorKind::Serialization;
    }
    // After a failed COMMIT the transaction may still be open.
    if in_transaction(connection) {
        let _rolled_back = connection.batch_execute("ROLLBACK");
        CommitReply::Refused(error)
    } else if error.message.contains("no transaction is active") {
        CommitReply::RolledBack(None)
    } else {
        CommitReply::Refused(error)
    }
}

/// Rolls back, or finds that there is nothing to roll back.
pub(super) fn rollback(connection: &mut SqliteConnection, facts: &Facts) -> QueryResult<()> {
    let rolled_back = connection.batch_execute("ROLLBACK");
    writable(connection, facts);
    match rolled_back {
        Err(error) if in_transaction(connection) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use diesel::Connection;

    use super::*;

    #[test]
    fn a_transaction_that_was_left_open_costs_nobody_the_connection() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("BEGIN; CREATE TABLE a (b)")
            .unwrap();
        begin(&mut connection, IMMEDIATE, &Facts::default()).unwrap();
        assert!(in_transaction(&mut connection));
        // The table is gone with the transaction that nobody knew.
        connection.batch_execute("CREATE TABLE a (b)").unwrap();
    }
}
