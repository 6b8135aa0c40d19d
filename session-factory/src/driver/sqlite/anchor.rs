//! Keeps an in-memory database alive while no connection of the pool is open.
//!
//! Such a database disappears with its last connection, and a pool closes connections: those that
//! are too old, that idled too long, or that a body changed. So the factory keeps one more
//! connection open, on which nothing runs.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use diesel::sqlite::SqliteConnection;

use crate::sync::Mutex;

/// A connection that only keeps its database in memory.
pub(super) struct Anchor {
    _connection: Mutex<SqliteConnection>,
}

impl Anchor {
    /// Returns the anchor of this database. All factories share it.
    pub(super) fn of<E>(
        name: &str,
        establish: impl FnOnce() -> Result<SqliteConnection, E>,
    ) -> Result<Arc<Self>, E> {
        static ANCHORS: Mutex<Option<HashMap<String, Weak<Anchor>>>> = Mutex::new(None);
        let mut anchors = ANCHORS.lock();
        let anchors = anchors.get_or_insert_default();
        if let Some(anchor) = anchors.get(name).and_then(Weak::upgrade) {
            return Ok(anchor);
        }
        anchors.retain(|_, anchor| anchor.strong_count() > 0);
        let anchor = Arc::new(Self {
            _connection: Mutex::new(establish()?),
        });
        anchors.insert(name.to_owned(), Arc::downgrade(&anchor));
        Ok(anchor)
    }
}
