//! What the names in a text stand for: that changes with the search path, and with what is created, altered and dropped.
//!
//! diesel-async keeps the numbers of types by their names, and prepared statements keep what they were prepared for. What
//! is kept is good for one view of the names: the one that the connection began with, or one that a session has made by
//! a text (`SET LOCAL search_path TO tenant`). A view is known by the texts that led to it.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A statement that may have the names stand for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Tells what it does, from where the connection is; none if nobody knows.
    pub(crate) key: Option<u64>,
    /// It outlives the transaction.
    pub(crate) stays: bool,
}

impl Move {
    pub(crate) const ANYWHERE: Self = Self {
        key: None,
        stays: true,
    };

    /// The same with values, which decide as well.
    pub(crate) fn with(self, values: &[u8]) -> Self {
        Self {
            key: self.key.map(|key| with(key, values)),
            ..self
        }
    }
}

/// Where a connection is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Where it began.
    #[default]
    Own,
    /// Where texts of this hash lead.
    Known(u64),
    /// Nobody knows. It does not come again.
    Passing,
}

/// What a session has to know.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) view: View,
    /// How often all that is kept was to be forgotten.
    pub(crate) forgotten: u64,
    /// A function ran that may have created or altered anything: what diesel itself would not keep is not kept.
    pub(crate) clouded: bool,
}

/// The view of a connection, read off its statements and their tags.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(crate) struct Names {
    view: View,
    /// When no transaction is open.
    outside: View,
    /// This transaction has moved, to where it stays after it.
    moved: bool,
    stays: bool,
    /// This transaction has created, altered or dropped something; the session has.
    defined: bool,
    defined_before_reset: bool,
    /// Something of this transaction was undone.
    undone: bool,
    /// A statement that defines something is sent, and has no tag that tells when it is done.
    defining: bool,
    /// A function ran in this transaction that nobody can see into.
    clouded: bool,
    /// Such a function has moved the names before: from then on each counts as one that does.
    functions_move: bool,
    forgotten: u64,
    changes: u64,
}

impl Names {
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            view: self.view,
            forgotten: self.forgotten,
            clouded: self.clouded,
        }
    }

    /// How often that changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    fn go(&mut self, view: View) {
        self.view = view;
        self.changes += 1;
    }

    fn forget(&mut self) {
        self.forgotten += 1;
        self.changes += 1;
    }

    /// Such a statement runs.
    pub(crate) fn moves(&mut self, by: Move) {
        self.go(match (self.view, by.key) {
            (View::Passing, _) | (_, None) => View::Passing,
            (View::Own, Some(key)) => View::Known(hash(&key)),
            (View::Known(from), Some(key)) => View::Known(hash(&(from, key))),
        });
        self.moved = true;
        self.stays |= by.stays;
    }

    /// A function runs that nobody can see into.
    pub(crate) fn clouds(&mut self, key: u64) {
        self.changes += u64::from(!self.clouded);
        self.clouded = true;
        if self.functions_move {
            self.moves(Move {
                key: Some(key),
                stays: false,
            });
        }
    }

    /// The server has another type of a name than the one that was bound. Behind a function that is the function's doing.
    pub(crate) fn has_another_type(&mut self) {
        self.functions_move |= self.clouded;
        self.defined();
    }

    /// A statement is sent that defines something, and whose tag does not tell.
    pub(crate) fn defines(&mut self) {
        self.defining = true;
    }

    /// Something was created, altered or dropped.
    pub(crate) fn defined(&mut self) {
        self.forget();
        self.defined = true;
        self.defined_before_reset = true;
    }

    /// The tag ROLLBACK, or an error.
    pub(crate) fn undone(&mut self) {
        self.undone = true;
    }

    /// ReadyForQuery, and whether a transaction is open.
    pub(crate) fn ready(&mut self, inside: bool) {
        if std::mem::take(&mut self.defining) {
            self.defined();
        }
        if inside {
            if std::mem::take(&mut self.undone) {
                self.partly_undone();
            }
            return;
        }
        if std::mem::take(&mut self.moved) {
            match (std::mem::take(&mut self.stays), self.undone) {
                (true, false) => self.outside = self.view,
                (true, true) | (false, _) => self.go(self.outside),
            }
        }
        if std::mem::take(&mut self.defined) {
            // What was made may be gone, and what was prepared meanwhile is not good without it.
            self.forget();
        }
        self.undone = false;
        self.changes += u64::from(std::mem::take(&mut self.clouded));
    }

    /// The transaction went back to a savepoint, or waits for it.
    fn partly_undone(&mut self) {
        if self.moved {
            self.go(View::Passing);
        }
        if self.defined {
            self.forget();
        }
    }

    /// All settings are what they were when the connection was made, and what was temporary is gone.
    pub(crate) fn was_reset(&mut self) {
        if self.defined_before_reset {
            self.forget();
        }
        if self.view != View::Own || self.clouded {
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

/// The key of a text with values.
pub(crate) fn with(key: u64, values: &[u8]) -> u64 {
    hash(&(key, values))
}

/// The key of a text.
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
