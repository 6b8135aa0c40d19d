//! Tracks what names in SQL resolve to. That changes with the search path, and with CREATE, ALTER and DROP.
//!
//! diesel-async caches type OIDs by name, and prepared statements stay bound to the objects they were prepared for.
//! Both caches are valid for one view of the names: the connection's own, or one that a session has made by SQL such as
//! `SET LOCAL search_path TO tenant`. A view is identified by the texts that led to it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A statement that may change what names resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Identifies the change, starting from the connection's current view; `None` if the result is unknown.
    pub(crate) key: Option<u64>,
    /// The change outlives the transaction.
    pub(crate) stays: bool,
}

impl Move {
    pub(crate) const ANYWHERE: Self = Self {
        key: None,
        stays: true,
    };

    /// Adds a statement's bound values to the key, because they also decide the result.
    pub(crate) fn with(self, values: &[u8]) -> Self {
        Self {
            key: self.key.map(|key| with(key, values)),
            ..self
        }
    }
}

/// A view: what names resolve to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The connection's own view, since its startup.
    #[default]
    Own,
    /// The view to which texts with this hash lead.
    Known(u64),
    /// An unknown view. The driver could not recognize it later, so nothing is cached for it.
    Passing,
}

/// The facts that the client cache depends on.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) view: View,
    /// How often all caches had to be cleared.
    pub(crate) forgotten: u64,
    /// An unknown function ran, which may have created or altered anything: only what diesel itself would cache is
    /// cached.
    pub(crate) clouded: bool,
}

/// Tracks a connection's view from its statements and their tags.
#[derive(Debug, Default)]
pub(crate) struct Names {
    view: View,
    /// The view to return to when the transaction ends.
    outside: View,
    transaction: InTransaction,
    /// The session created, altered or dropped something since the last reset.
    defined_before_reset: bool,
    /// A sent statement creates, alters or drops something, and its command tag will not report that.
    defining: bool,
    /// An unknown function has changed the view before. From then on, each unknown function counts as changing it.
    functions_move: bool,
    forgotten: u64,
    changes: u64,
}

/// What the current transaction did.
#[derive(Debug, Default)]
struct InTransaction {
    moved: Moved,
    /// It created, altered or dropped something.
    defined: bool,
    undone: Undone,
    /// An unknown function ran in it.
    clouded: bool,
}

/// What was taken back of the current transaction since the last ReadyForQuery.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Undone {
    #[default]
    Nothing,
    /// It ended, other than by ROLLBACK. Another one may have begun in the same message, without its local settings.
    Ended,
    /// Part of it was rolled back, or an error occurred.
    Partly,
}

/// How long the current transaction's change of the view lasts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moved {
    /// It changed no view.
    #[default]
    No,
    UntilItsEnd,
    /// It outlives a commit.
    Stays,
}

impl Names {
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            view: self.view,
            forgotten: self.forgotten,
            clouded: self.transaction.clouded,
        }
    }

    /// Returns how often [`seen`](Self::seen) changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    fn go(&mut self, view: View) {
        self.view = view;
        self.changes += 1;
    }

    /// Call when the client's caches no longer match what the server has.
    pub(crate) fn forget(&mut self) {
        self.forgotten += 1;
        self.changes += 1;
    }

    /// Call when a statement runs that changes the view.
    pub(crate) fn moves(&mut self, by: Move) {
        self.go(match (self.view, by.key) {
            (View::Passing, _) | (_, None) => View::Passing,
            (View::Own, Some(key)) => View::Known(hash(&key)),
            (View::Known(from), Some(key)) => View::Known(hash(&(from, key))),
        });
        let moved = if by.stays {
            Moved::Stays
        } else {
            Moved::UntilItsEnd
        };
        self.transaction.moved = self.transaction.moved.max(moved);
    }

    /// Call when an unknown function runs.
    pub(crate) fn clouds(&mut self, key: u64) {
        self.changes += u64::from(!self.transaction.clouded);
        self.transaction.clouded = true;
        if self.functions_move {
            self.moves(Move {
                key: Some(key),
                stays: false,
            });
        }
    }

    /// Call when a name resolves to a type other than the bound one. An earlier unknown function counts as the cause.
    pub(crate) fn has_another_type(&mut self) {
        self.functions_move |= self.transaction.clouded;
        self.defined();
    }

    /// Call when a statement is sent that creates, alters or drops something that its tag does not report.
    pub(crate) fn defines(&mut self) {
        self.defining = true;
    }

    /// Call when something was created, altered or dropped.
    pub(crate) fn defined(&mut self) {
        self.forget();
        self.transaction.defined = true;
        self.defined_before_reset = true;
    }

    /// Call at a ROLLBACK tag or an error.
    pub(crate) fn undone(&mut self) {
        self.transaction.undone = Undone::Partly;
    }

    /// Call at a tag that only a transaction's end has, other than ROLLBACK.
    pub(crate) fn ended(&mut self) {
        self.transaction.undone = self.transaction.undone.max(Undone::Ended);
    }

    /// Call at ReadyForQuery. `inside`: a transaction is open.
    pub(crate) fn ready(&mut self, inside: bool) {
        if std::mem::take(&mut self.defining) {
            self.defined();
        }
        if inside {
            if std::mem::take(&mut self.transaction.undone) != Undone::Nothing {
                self.partly_undone();
            }
            return;
        }
        let ended = std::mem::take(&mut self.transaction);
        match ended.moved {
            Moved::No => {}
            Moved::Stays if ended.undone != Undone::Partly => self.outside = self.view,
            Moved::Stays | Moved::UntilItsEnd => self.go(self.outside),
        }
        if ended.defined {
            // A rollback may have removed what the transaction defined. Then statements prepared in it are stale.
            self.forget();
        }
        self.changes += u64::from(ended.clouded);
    }

    /// Call when the transaction was rolled back to a savepoint, has failed and cannot go on without that, or another
    /// transaction was begun in the message that ended it.
    fn partly_undone(&mut self) {
        if self.transaction.moved != Moved::No {
            self.go(View::Passing);
        }
        if self.transaction.defined {
            self.forget();
        }
    }

    /// Call after a reset: all settings are those of the startup again, and temporary objects are gone.
    pub(crate) fn was_reset(&mut self) {
        if self.defined_before_reset {
            self.forget();
        }
        if self.view != View::Own || self.transaction.clouded {
            self.go(View::Own);
        }
        *self = Self {
            functions_move: self.functions_move,
            forgotten: self.forgotten,
            changes: self.changes,
            ..Self::default()
        };
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns the key of SQL with bound values.
pub(crate) fn with(key: u64, values: &[u8]) -> u64 {
    hash(&(key, values))
}

/// Returns the key of SQL.
pub(crate) fn key(text: &[u8]) -> u64 {
    hash(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str, stays: bool) -> Move {
        Move {
            key: Some(key(text.as_bytes())),
            stays,
        }
    }

    #[test]
    fn the_same_texts_lead_to_the_same_view_and_the_transaction_takes_it_back() {
        let mut names = Names::default();
        let mut seen = Vec::new();
        for text in ["a", "b", "a"] {
            names.moves(to(text, false));
            names.ready(true);
            seen.push(names.seen().view);
            names.ready(false);
            assert_eq!(names.seen().view, View::Own);
        }
        assert_eq!(seen[0], seen[2]);
        assert_ne!(seen[0], seen[1]);
        assert_eq!(names.seen().forgotten, 0);
    }

    #[test]
    fn what_stays_stays_unless_it_is_undone() {
        let mut names = Names::default();
        names.moves(to("a", true));
        names.ready(true);
        names.undone();
        names.ready(false);
        assert_eq!(names.seen().view, View::Own);
        names.moves(to("a", true));
        names.ready(false);
        assert_ne!(names.seen().view, View::Own);
        names.was_reset();
        assert_eq!(names.seen().view, View::Own);
    }

    #[test]
    fn behind_a_savepoint_nobody_knows_where_it_is() {
        let mut names = Names::default();
        names.moves(to("a", false));
        names.undone();
        names.ready(true);
        assert_eq!(names.seen().view, View::Passing);
        names.moves(to("a", false));
        assert_eq!(names.seen().view, View::Passing);
        names.ready(false);
        assert_eq!(names.seen().view, View::Own);
    }

    #[test]
    fn nobody_knows_where_a_transaction_is_that_began_where_another_ended() {
        let mut names = Names::default();
        names.moves(to("a", false));
        names.ended();
        names.ready(true);
        assert_eq!(names.seen().view, View::Passing);
        names.ended();
        names.ready(false);
        assert_eq!(names.seen().view, View::Own);
        names.moves(to("a", true));
        names.ended();
        names.ready(false);
        assert_ne!(names.seen().view, View::Own);
        names.ended();
        names.ready(true);
        assert_ne!(names.seen().view, View::Passing);
    }

    #[test]
    fn what_is_defined_counts_again_when_its_transaction_ends() {
        let mut names = Names::default();
        names.defined();
        assert_eq!(names.seen().forgotten, 1);
        names.ready(true);
        names.ready(false);
        assert_eq!(names.seen().forgotten, 2);
        names.ready(false);
        assert_eq!(names.seen().forgotten, 2);
        names.was_reset();
        assert_eq!(names.seen().forgotten, 3);
        names.defines();
        assert_eq!(names.seen().forgotten, 3);
        names.ready(true);
        assert_eq!(names.seen().forgotten, 4);
    }
}
