//! BEGIN, COMMIT and ROLLBACK of SQLite, with the waiting for its lock.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;

use tokio::sync::Semaphore;

use super::link::Facts;
use crate::driver::CommitReply;
use crate::error::{StatementError, StatementErrorKind};

pub(super) const IMMEDIATE: &str = "BEGIN IMMEDIATE";
/// SQLite has no read-only transactions; it has connections that refuse to write.
pub(super) const READ_ONLY: &str = "BEGIN DEFERRED; PRAGMA query_only = ON";
const READ_WRITE: &str = "PRAGMA query_only = OFF";

/// How long a session waits for another process's write lock. (Sessions of this process queue for it.)
pub(super) const BUSY_LIMIT: Duration = Duration::from_secs(5);
/// SQLite's own handler waits in steps like these, but cannot be told to stop.
const STEPS: [u64; 8] = [1, 2, 5, 10, 15, 25, 50, 100];

/// The queue of this process for a file's write lock: one, whatever the number of factories.
pub(super) fn queue(file: &str) -> Arc<Semaphore> {
    static QUEUES: OnceLock<Mutex<HashMap<PathBuf, Weak<Semaphore>>>> = OnceLock::new();
    let path = std::fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file));
    let mut queues = QUEUES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(queue) = queues.get(&path).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Arc::new(Semaphore::new(1));
    queues.insert(path, Arc::downgrade(&queue));
    queue
}

/// Begins, waiting for the lock; gives up when the session is gone.
pub(super) fn begin(
    connection: &mut SqliteConnection,
    sql: &str,
    facts: &Facts,
) -> QueryResult<()> {
    if sql == READ_ONLY {
        facts.set_query_only();
    }
    patiently(|| connection.batch_execute(sql), || facts.is_stopped())
}

/// The transaction is over: the next one may write again.
fn writable(connection: &mut SqliteConnection, facts: &Facts) {
    if facts.take_query_only() && connection.batch_execute(READ_WRITE).is_err() {
        // The reset before the next borrower tries again, and closes the connection if it cannot.
        facts.set_unclean();
    }
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

pub(super) fn is_busy(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message().contains("is locked"))
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
