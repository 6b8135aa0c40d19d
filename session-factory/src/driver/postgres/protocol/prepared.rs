//! Side effects of a connection's prepared statements, recorded when a statement runs rather than when it is prepared.

use std::collections::HashMap;

use super::outgoing::{LONGEST_TEXT, Prepared};
use crate::driver::postgres::sql::effects::Effects;
use crate::driver::postgres::sql::names::{self, Move};
use crate::driver::postgres::sql::side_effects::{binds_a_path, names_a_transaction};

/// The beginning of the type lookup query that diesel-async and this crate send.
pub(crate) const LOOKS_TYPES_UP: &str = "SELECT pg_type.oid, pg_type.typarray FROM ";

/// The prepared statements that do more than read and change rows, by name.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    /// While it is empty, Bind messages are not read.
    known: HashMap<Box<[u8]>, Prepared>,
    /// The client has looked up a type by name on this connection.
    look_types_up: bool,
}

impl Statements {
    /// True if Bind messages have to be read.
    pub(crate) fn any(&self) -> bool {
        !self.known.is_empty()
    }

    pub(crate) fn look_types_up(&self) -> bool {
        self.look_types_up
    }

    /// Reads a Parse message's body: name, SQL, parameter types.
    pub(crate) fn prepared(&mut self, body: &[u8]) {
        let mut parts = body.split(|byte| *byte == 0);
        let name = parts.next().unwrap_or_default();
        let text = parts.next().filter(|_| body.len() < LONGEST_TEXT);
        self.look_types_up |= text.is_some_and(|text| text.starts_with(LOOKS_TYPES_UP.as_bytes()));
        let prepared = Prepared::read(text);
        if prepared != Prepared::default() {
            self.known.insert(name.into(), prepared);
        } else if self.any() {
            // If this is the unnamed statement, it replaces the earlier one, which may have had side effects.
            self.known.remove(name);
        }
    }

    /// Reads a Close message's body: kind, name.
    pub(crate) fn closed(&mut self, body: &[u8]) {
        if let [b'S', name @ ..] = body {
            self.known.remove(name.strip_suffix(b"\0").unwrap_or(name));
        }
    }

    /// Reads a Bind message's body (portal, statement name, values) and returns what the statement does when it runs.
    pub(crate) fn bound(&self, body: &[u8]) -> Option<Prepared> {
        if !self.any() {
            return None;
        }
        let mut parts = body.splitn(3, |byte| *byte == 0);
        let (_portal, name, values) = (parts.next()?, parts.next()?, parts.next()?);
        let mut prepared = *self.known.get(name)?;
        if prepared.effects.key != 0 {
            prepared.effects.key = names::with(prepared.effects.key, values);
        }
        if prepared.effects.kinds.contains(Effects::CONFIGURES) {
            // The setting's name may be a bound value.
            prepared.effects.kinds |= Effects::NEEDS_COMMIT.when(names_a_transaction(values));
            if prepared.effects.moves.is_none() && binds_a_path(values) {
                prepared.effects.moves = Some(Move {
                    key: Some(prepared.effects.key),
                    stays: prepared.effects.kinds.contains(Effects::CHANGES_SESSION),
                });
            }
        }
        prepared.effects.moves = prepared.effects.moves.map(|moves| moves.with(values));
        Some(prepared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(statements: &Statements, bind: &[u8]) -> Option<bool> {
        statements
            .bound(bind)
            .map(|prepared| prepared.effects.kinds.contains(Effects::CHANGES_SESSION))
    }

    #[test]
    fn a_statement_does_what_its_text_does_when_it_runs_and_until_it_is_closed() {
        let mut statements = Statements::default();
        statements.prepared(b"s1\0SELECT 1\0\0\0");
        assert!(!statements.any());
        statements.prepared(b"s2\0SELECT set_config('a', 'b', false)\0\0\0");
        assert!(statements.any());
        assert_eq!(changes(&statements, b"\0s1\0"), None);
        assert_eq!(changes(&statements, b"\0s2\0"), Some(true));
        statements.closed(b"Ss1\0");
        statements.closed(b"Ps2\0");
        assert!(statements.any());
        statements.closed(b"Ss2\0");
        assert!(!statements.any());
        assert_eq!(changes(&statements, b"\0s2\0"), None);
    }

    #[test]
    fn a_level_among_the_values_is_seen() {
        let mut statements = Statements::default();
        statements.prepared(b"s1\0SELECT set_config($1, $2, true)\0\0\0");
        let needs_commit = |bind: &[u8]| {
            let prepared = statements.bound(bind);
            prepared.map(|prepared| prepared.effects.kinds.contains(Effects::NEEDS_COMMIT))
        };
        assert_eq!(needs_commit(b"\0s1\0app.tenant"), Some(false));
        assert_eq!(needs_commit(b"\0s1\0transaction_isolation"), Some(true));
    }

    #[test]
    fn a_text_that_is_too_long_may_do_anything() {
        let mut statements = Statements::default();
        let mut body = b"s1\0SELECT ".to_vec();
        body.resize(LONGEST_TEXT, b'1');
        statements.prepared(&body);
        assert_eq!(changes(&statements, b"\0s1\0"), Some(true));
    }
}
