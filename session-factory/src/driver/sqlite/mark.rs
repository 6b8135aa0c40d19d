//! Whether the transaction is still the one that the session began: the database is asked, and not the text.
//!
//! SQLite says whether there is a transaction, and not which one: after `ROLLBACK; BEGIN` there is one as before. A
//! savepoint goes with its transaction, and with its connection, whoever takes those away. So one with a name that
//! nobody else has marks the transaction ahead of whatever may end it, and can be released behind it only if nothing
//! did.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation};
use diesel::sqlite::SqliteConnection;

use super::facts::{End, Facts};
use super::quiet::{Watching, contained, is_panic, quietly};
use super::{begin, lent};

/// Two savepoints of one name in the transaction: what became of the first RELEASE is not known where an instrumentation
/// panics, and the second one tells.
#[derive(Debug)]
pub(super) struct Mark {
    name: String,
}

impl Mark {
    /// Sets one in the transaction that is open.
    pub(super) fn set(connection: &mut SqliteConnection, facts: &Facts) -> QueryResult<Self> {
        static PROCESS: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().build_hasher().finish());
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let number = MARKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("session_factory_mark_{:x}_{number}", *PROCESS);
        quietly(
            connection,
            facts,
            &format!("SAVEPOINT {name}; SAVEPOINT {name}"),
        )?;
        Ok(Self { name })
    }

    /// Undoes what was done since. False when the mark is gone.
    pub(super) fn undo(&self, connection: &mut SqliteConnection, facts: &Facts) -> bool {
        quietly(connection, facts, &format!("ROLLBACK TO {}", self.name)).is_ok()
    }

    /// Takes it away again. Where it is gone the transaction is over, and nobody knows what became of it. What is open
    /// in its place is rolled back.
    pub(super) fn release(self, connection: &mut SqliteConnection, facts: &Facts) {
        let release = format!("RELEASE {}", self.name);
        let is_there = match quietly(connection, facts, &release) {
            Ok(()) => {
                let _twin = quietly(connection, facts, &release);
                true
            }
            // The instrumentation of the raw connection panicked, and RELEASE was run or not. Without it the twin tells.
            Err(error) if is_panic(&error) => {
                let _dropping_it_panicked = contained(facts, || {
                    connection.set_instrumentation(no_instrumentation());
                });
                quietly(connection, facts, &release).is_ok()
            }
            Err(_) => false,
        };
        if !is_there {
            facts.set_end(End::Unseen);
            begin::roll_back_quietly(connection, facts);
        }
    }
}

fn no_instrumentation() -> Option<Box<dyn Instrumentation>> {
    None
}

/// Lends the connection to the body: its transaction is marked, and entered into diesel's own bookkeeping.
pub(super) fn enter_raw(connection: &mut SqliteConnection, facts: &Facts) -> QueryResult<()> {
    leave_raw(connection, facts);
    if facts.end().is_some() {
        return Err(diesel::result::Error::NotInTransaction);
    }
    let mark = Mark::set(connection, facts)?;
    lent::enter(connection)?;
    facts.set_raw(mark);
    if let Some(events) = facts.events() {
        events.lend();
    }
    Ok(())
}

/// Takes it back, and looks at what was done to its transaction.
pub(super) fn leave_raw(connection: &mut SqliteConnection, facts: &Facts) {
    if let Some((mark, depth)) = take_back(connection, facts) {
        if depth > 1 {
            facts.set_unbalanced();
        }
        mark.release(connection, facts);
    }
}

/// Takes it back without a look: its mark, and how deep the body's own transactions were.
pub(super) fn take_back(connection: &mut SqliteConnection, facts: &Facts) -> Option<(Mark, u32)> {
    let mark = facts.take_raw()?;
    if let Some(events) = facts.events() {
        events.take_back(!connection.instrumentation().is::<Watching>());
    }
    Some((mark, lent::leave(connection)))
}
