//! An event that is held, and reported later.

use std::fmt;

use diesel::connection::{DebugQuery, Instrumentation, InstrumentationEvent};
use diesel::result::Error;

use crate::error::StatementError;

/// An event that owns its contents.
pub(super) enum Held {
    Start(Text),
    Cache(String),
    Finish(Text, Option<Error>),
}

/// A query as printed with `Display` and with `Debug`.
pub(super) struct Text {
    display: String,
    debug: String,
}

impl Text {
    fn of(query: &dyn DebugQuery) -> Self {
        Self {
            display: query.to_string(),
            debug: format!("{query:?}"),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.debug)
    }
}

impl DebugQuery for Text {}

impl Held {
    /// Copies the event; `None` if it is not an event of a statement.
    pub(super) fn of(event: &InstrumentationEvent<'_>) -> Option<Self> {
        Some(match event {
            InstrumentationEvent::StartQuery { query, .. } => Self::Start(Text::of(*query)),
            InstrumentationEvent::CacheQuery { sql, .. } => Self::Cache((*sql).to_owned()),
            InstrumentationEvent::FinishQuery { query, error, .. } => Self::Finish(
                Text::of(*query),
                error.map(|error| StatementError::from(error).into()),
            ),
            _ => return None,
        })
    }

    pub(super) fn show(&self, instrumentation: &mut dyn Instrumentation) {
        instrumentation.on_connection_event(match self {
            Self::Start(query) => InstrumentationEvent::start_query(query),
            Self::Cache(sql) => InstrumentationEvent::cache_query(sql),
            Self::Finish(query, error) => InstrumentationEvent::finish_query(query, error.as_ref()),
        });
    }
}
