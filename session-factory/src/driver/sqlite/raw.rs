//! The raw connection while it is out: what runs on it, and whether the transaction is still the session's.
//!
//! SQLite answers with no word on either. So the texts are read as diesel's instrumentation reports them, and a
//! savepoint marks the transaction: it goes with it, and with the connection, whoever takes those away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use diesel::QueryResult;
use diesel::connection::{
    Connection as _, Instrumentation, InstrumentationEvent, SimpleConnection,
    get_default_instrumentation,
};
use diesel::sqlite::SqliteConnection;

use super::facts::Facts;
use super::script;
use super::{begin, lent};

/// What is to be looked for when the connection is back.
#[derive(Debug)]
pub(super) struct Raw {
    /// The savepoint's name.
    mark: String,
    /// Alive while the connection's texts are read.
    reader: Weak<()>,
}

/// Lends the connection: its transaction is marked, and entered into diesel's own bookkeeping.
pub(super) fn enter(connection: &mut SqliteConnection, facts: &Arc<Facts>) -> QueryResult<()> {
    static MARKS: AtomicU64 = AtomicU64::new(0);
    leave(connection, facts);
    if facts.ended().is_some() {
        return Err(diesel::result::Error::NotInTransaction);
    }
    let mark = format!(
        "session_factory_raw_{}",
        MARKS.fetch_add(1, Ordering::Relaxed)
    );
    connection.batch_execute(&format!("SAVEPOINT {mark}"))?;
    lent::enter(connection)?;
    let alive = Arc::new(());
    let reader = Arc::downgrade(&alive);
    if !facts.is_instrumented() {
        connection.set_instrumentation(Reader {
            facts: Arc::clone(facts),
            instrumentation: get_default_instrumentation(),
            _alive: alive,
        });
    }
    facts.set_raw(Raw { mark, reader });
    Ok(())
}

/// Takes the connection back, and looks at what was done to its transaction.
pub(super) fn leave(connection: &mut SqliteConnection, facts: &Facts) {
    let Some(raw) = facts.take_raw() else { return };
    if lent::leave(connection) > 1 {
        facts.set_unbalanced();
    }
    if raw.reader.strong_count() > 0 {
        connection.set_instrumentation(get_default_instrumentation());
    }
    let released = connection.batch_execute(&format!("RELEASE {}", raw.mark));
    if released.is_err() {
        let in_transaction = begin::in_transaction(connection);
        facts.with_ends(|ends| ends.lost(in_transaction));
    }
}

/// Reads every text that runs.
struct Reader {
    facts: Arc<Facts>,
    /// What would be there otherwise.
    instrumentation: Option<Box<dyn Instrumentation>>,
    _alive: Arc<()>,
}

impl Instrumentation for Reader {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        // Of a text that failed half-way nobody knows how far it came: the mark tells whether it ended the transaction.
        if let InstrumentationEvent::FinishQuery {
            query, error: None, ..
        } = &event
        {
            let text = query.to_string();
            if !script::is_plain(&text) || self.facts.ended().is_some() {
                self.read(&text);
            }
        }
        self.instrumentation.on_connection_event(event);
    }
}

impl Reader {
    fn read(&self, text: &str) {
        let mut statements = script::statements(text);
        let first = statements.next();
        // diesel adds the binds of what it prepares; of that SQLite takes the first statement alone.
        let rest = (!text.contains("-- binds: [")).then_some(statements);
        self.facts.with_ends(|ends| {
            for statement in first.into_iter().chain(rest.into_iter().flatten()) {
                ends.ran(&statement.kind);
            }
        });
    }
}
