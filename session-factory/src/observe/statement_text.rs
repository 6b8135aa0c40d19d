//! A statement's text, as reports show it.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::sanitize::{Quoting, Sanitized, sanitize};

/// The greatest number of texts that a thread keeps by their queries' types.
const MOST: usize = 4096;

/// A statement's SQL. The text for reports is made when the first report asks for it.
pub(crate) struct StatementText {
    sql: Box<str>,
    quoting: Quoting,
    is_script: bool,
    sanitized: OnceLock<Sanitized>,
}

impl std::fmt::Debug for StatementText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StatementText")
            .field(&self.sanitized())
            .finish()
    }
}

/// The texts, by the types of the query and of the backend.
type Texts = HashMap<(TypeId, TypeId), Arc<StatementText>>;

thread_local! {
    /// The texts of queries whose type alone determines the text.
    static TEXTS: RefCell<Texts> = RefCell::default();
}

/// Calls `use_them` with the thread's texts. Returns `None` while the thread ends.
fn with_texts<T>(use_them: impl FnOnce(&mut Texts) -> T) -> Option<T> {
    TEXTS
        .try_with(|texts| use_them(&mut texts.borrow_mut()))
        .ok()
}

impl StatementText {
    /// Returns a query's text. `id`: the types of the query and of the backend, if they alone determine the text.
    pub(crate) fn of_query(
        id: Option<(TypeId, TypeId)>,
        quoting: Quoting,
        build: impl FnOnce() -> Option<String>,
    ) -> Arc<Self> {
        let known = id.and_then(|id| with_texts(|texts| texts.get(&id).cloned()).flatten());
        if let Some(known) = known {
            return known;
        }
        // A query that cannot be built fails when it runs, so its text is never needed.
        let Some(sql) = build() else {
            return Self::new("", quoting, false);
        };
        let text = Self::new(&sql, quoting, false);
        if let Some(id) = id {
            with_texts(|texts| {
                if texts.len() < MOST {
                    texts.insert(id, Arc::clone(&text));
                }
            });
        }
        text
    }

    /// Returns a script's text.
    pub(crate) fn of_script(sql: &str, quoting: Quoting) -> Arc<Self> {
        Self::new(sql, quoting, true)
    }

    fn new(sql: &str, quoting: Quoting, is_script: bool) -> Arc<Self> {
        Arc::new(Self {
            sql: sql.into(),
            quoting,
            is_script,
            sanitized: OnceLock::new(),
        })
    }

    fn shown(&self) -> &Sanitized {
        self.sanitized
            .get_or_init(|| sanitize(&self.sql, self.quoting))
    }

    /// Returns the SQL without any value.
    pub(crate) fn sanitized(&self) -> &str {
        &self.shown().text
    }

    /// Returns the operation and the first table, or `statement` if the text has neither.
    pub(crate) fn summary(&self) -> &str {
        match &*self.shown().summary {
            "" => "statement",
            summary => summary,
        }
    }

    /// Returns the first word of the summary: `SELECT`.
    #[cfg(feature = "tracing")]
    pub(super) fn operation(&self) -> &str {
        let summary = self.summary();
        summary.split([' ', ';']).next().unwrap_or(summary)
    }

    pub(crate) fn is_script(&self) -> bool {
        self.is_script
    }
}

/// Two texts that differ only in values are equal.
impl PartialEq for StatementText {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.sanitized() == other.sanitized()
    }
}

impl Eq for StatementText {}

impl std::hash::Hash for StatementText {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.sanitized().hash(state);
    }
}
