//! A session inside another session.

use std::fmt;

/// The caller requested a session in a task that already has one from the same factory.
///
/// The second session would wait for a connection while the first one holds one, and would not see
/// the first one's uncommitted rows.
#[derive(Debug, Clone)]
pub struct NestedError {
    pub(crate) function: &'static str,
    /// True for a closure's session: a closure has no `_in` form that the message could recommend.
    pub(crate) closure: bool,
    pub(crate) holder: String,
    /// The pool's limit, if the caller requested `requires_new` although its task already holds every
    /// connection that the pool may open.
    pub(crate) exhausted: Option<u32>,
}

impl NestedError {
    /// Returns the function that already has a session, with file and line.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Returns the pool's limit, if the task itself holds every connection that the pool may open.
    pub fn exhausted(&self) -> Option<u32> {
        self.exhausted
    }
}

impl fmt::Display for NestedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            function, holder, ..
        } = self;
        match self.exhausted {
            None if self.closure => write!(
                f,
                "{function}(…) opens a session of its own inside {holder}, which already has one: use the `db` that \
                 is there, or write AppDb::session().requires_new().run(async |db| …) for a second, independent \
                 transaction"
            ),
            Some(limit) if self.closure => write!(
                f,
                "{function}(…) asks for one more connection (requires_new) inside {holder}, and this task already \
                 holds {}: it would wait for itself; raise pool_size or \
                 max_overflow, or use the `db` that is there",
                every(limit)
            ),
            None => write!(
                f,
                "{function} opens a session of its own inside {holder}, which already has one: call \
                 {function}_in(db, …) to join it, or write #[with_session(requires_new)] for a second, \
                 independent transaction"
            ),
            Some(limit) => write!(
                f,
                "{function} asks for one more connection (requires_new) inside {holder}, and this task \
                 already holds {}: it would wait for itself; raise \
                 pool_size or max_overflow, or call {function}_in(db, …) to join the session",
                every(limit)
            ),
        }
    }
}

/// Returns "all connections that the pool may open", in words.
fn every(limit: u32) -> String {
    match limit {
        1 => "the pool's only connection".to_owned(),
        limit => format!("all {limit} connections that the pool may open"),
    }
}

impl std::error::Error for NestedError {}
