//! What the application's instrumentation hears of the statements that are not the application's.
//!
//! It hears of BEGIN, COMMIT and ROLLBACK, and of nothing that is run for the crate's own sake. It may panic: what is
//! known of the transaction does not depend on that.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{
    Connection as _, Instrumentation, InstrumentationEvent, SimpleConnection, StrQueryHelper,
    get_default_instrumentation,
};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;

use super::facts::Facts;
use crate::panics;

/// An instrumentation of the application's.
pub(super) struct Watching {
    instrumentation: Box<dyn Instrumentation>,
    facts: Arc<Facts>,
}

impl Watching {
    pub(super) fn new(instrumentation: impl Instrumentation, facts: &Arc<Facts>) -> Self {
        Self {
            instrumentation: Box::new(instrumentation),
            facts: Arc::clone(facts),
        }
    }

    /// What the application has set on the connection.
    pub(super) fn inside(set: &mut dyn Instrumentation) -> Option<&mut dyn Instrumentation> {
        if !set.is::<Self>() {
            return Some(set);
        }
        let watching = set.downcast_mut::<Self>()?;
        Some(&mut *watching.instrumentation)
    }

    /// Sets the instrumentation that every connection begins with. Most applications have none, and nothing to pay.
    pub(super) fn set_default(connection: &mut SqliteConnection, facts: &Arc<Facts>) {
        match get_default_instrumentation() {
            Some(instrumentation) => {
                connection.set_instrumentation(Self::new(instrumentation, facts));
            }
            None => connection.set_instrumentation(None::<Box<dyn Instrumentation>>),
        }
    }
}

impl Instrumentation for Watching {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if !self.facts.is_quiet() {
            let _noted = NotesPanic(&self.facts);
            self.instrumentation.on_connection_event(event);
        }
    }
}

/// On the raw connection nobody else hears of it.
struct NotesPanic<'a>(&'a Facts);

impl Drop for NotesPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_panicked();
        }
    }
}

/// Runs a statement of the crate's own.
pub(super) fn quietly(
    connection: &mut SqliteConnection,
    facts: &Facts,
    sql: &str,
) -> QueryResult<()> {
    facts.set_quiet(true);
    // An instrumentation that was set on the raw connection hears of it, and may panic.
    let done = contained(facts, || connection.batch_execute(sql));
    facts.set_quiet(false);
    done.unwrap_or_else(|| Err(panicked()))
}

/// Runs BEGIN, COMMIT or ROLLBACK: the instrumentation hears of it.
///
/// # Errors
/// What the database said, or that the instrumentation panicked. One of the crate's keeping can do so only ahead of the
/// statement, which is not run then. Of one that was set on the raw connection nobody knows.
pub(super) fn aloud(
    connection: &mut SqliteConnection,
    facts: &Facts,
    sql: &str,
) -> QueryResult<()> {
    if !connection.instrumentation().is::<Watching>() {
        let done = contained(facts, || connection.batch_execute(sql));
        return done.unwrap_or_else(|| Err(panicked()));
    }
    let query = StrQueryHelper::new(sql);
    let tell = |connection: &mut SqliteConnection, event: InstrumentationEvent<'_>| {
        contained(facts, || {
            connection.instrumentation().on_connection_event(event);
        })
    };
    if tell(connection, InstrumentationEvent::start_query(&query)).is_none() {
        return Err(panicked());
    }
    let done = quietly(connection, facts, sql);
    let error = done.as_ref().err();
    tell(
        connection,
        InstrumentationEvent::finish_query(&query, error),
    );
    done
}

/// Calls what may call the application's code. None: it panicked, and the connection is not to be trusted.
pub(super) fn contained<T>(facts: &Facts, call: impl FnOnce() -> T) -> Option<T> {
    let done = panics::contained(call);
    if done.is_none() {
        facts.set_panicked();
    }
    done
}

/// What is told of that.
pub(super) fn panicked() -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::UnableToSendCommand,
        Box::new(PANICKED.to_owned()),
    )
}

pub(super) fn is_panic(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message() == PANICKED)
}

const PANICKED: &str = "the work on the connection panicked (in an instrumentation, say)";
