//! What a text may do besides what its command tag tells.

use super::calls::{self, is_clear};
use super::control::{self, Control};
use super::lexer::{Lexer, Token};

/// What changes the server session without a call: a view whose rows are settings, and the schema of what is temporary.
const SLY: [&[u8]; 2] = [b"pg_settings", b"pg_temp"];

/// What a statement may do. A text raises suspicion here; only the server's state acquits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(super) struct Effects {
    /// It may change the server session.
    pub(super) change: bool,
    /// It calls a function that is not known, which may do anything.
    pub(super) unknown: bool,
    /// It may write, or hold something until the transaction has ended: COMMIT has to be waited for.
    pub(super) loud: bool,
    /// It may tell others something when its transaction commits.
    pub(super) announce: bool,
    /// It changes settings by a function, until the transaction ends.
    pub(super) configure: bool,
    /// Its statements whose tag is SET and which end with the transaction; none if another SET is among them.
    pub(super) local_sets: u32,
}

impl Effects {
    /// Of a text that is not read.
    pub(super) const ANY: Self = Self {
        change: true,
        unknown: true,
        loud: true,
        announce: true,
        configure: true,
        local_sets: 0,
    };

    #[cfg(test)]
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a text is about to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) effects: Effects,
    /// Its statements that end a transaction or go back to a savepoint, in order.
    pub(super) controls: Vec<Control>,
}

/// Reads the text of a Query message, or of a Parse message.
pub(super) fn read(text: &[u8]) -> Reading {
    let calls = calls::read(text);
    let local_sets = local_sets(text);
    let settles = calls.configure || local_sets > 0;
    Reading {
        effects: Effects {
            change: calls.change || is_sly(text) || makes_temporary(text),
            unknown: calls.unknown,
            // The level of a transaction decides whether its COMMIT can fail.
            loud: calls.loud || settles && names_a_transaction(text),
            announce: calls.announce,
            configure: calls.configure,
            local_sets,
        },
        controls: control::read(text),
    }
}

/// `transaction_isolation` and its like.
pub(super) fn names_a_transaction(text: &[u8]) -> bool {
    contains(text, b"transaction")
}

fn is_sly(text: &[u8]) -> bool {
    SLY.iter().any(|needle| contains(text, needle))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let mut windows = text.windows(needle.len());
    windows.any(|window| window.eq_ignore_ascii_case(needle))
}

/// `CREATE TEMP TABLE … AS` and `SELECT … INTO TEMP` have the tag of their query.
fn makes_temporary(text: &[u8]) -> bool {
    const BEFORE: [&[u8]; 5] = [b"create", b"into", b"local", b"global", b"replace"];
    let is_one_of = |word: &[u8], words: &[&[u8]]| {
        let mut words = words.iter();
        words.any(|known| word.eq_ignore_ascii_case(known))
    };
    let mut makes = false;
    for token in Lexer::new(text) {
        let Token::Word(word) = token else {
            makes = false;
            continue;
        };
        if makes && is_one_of(word, &[b"temp", b"temporary"]) {
            return true;
        }
        makes = is_one_of(word, &BEFORE);
    }
    false
}

/// Those of `SET LOCAL` and `SET TRANSACTION`, if every SET of the text is one of them.
fn local_sets(text: &[u8]) -> u32 {
    if !is_clear(text) {
        return 0;
    }
    let mut found = 0;
    let mut tokens = Lexer::new(text);
    let mut begins = true;
    while let Some(token) = tokens.next() {
        let word = match token {
            Token::Word(word) if begins => word,
            _ => {
                begins = token == Token::Semicolon;
                continue;
            }
        };
        begins = false;
        if word.eq_ignore_ascii_case(b"set") {
            let scope = tokens.next();
            let is = |scope_is: &[u8]| matches!(scope, Some(Token::Word(word)) if word.eq_ignore_ascii_case(scope_is));
            // `local.a` is a setting of somebody's.
            let is_scope = matches!(tokens.next(), Some(Token::Word(_) | Token::Name(_)));
            if !is_scope || !is(b"local") && !is(b"transaction") {
                return 0;
            }
            found += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(text: &str) -> Effects {
        read(text.as_bytes()).effects
    }

    #[test]
    fn what_changes_the_session_is_found_in_any_case() {
        for text in [
            "select SET_CONFIG('a', 'b', false)",
            "UPDATE PG_settings SET setting = '1'",
            "CREATE FUNCTION pg_temp.f() RETURNS int",
        ] {
            assert!(effects(text).change, "{text}");
        }
        assert!(effects("SELECT * FROM settings").is_none());
        assert!(effects("SELECT pg_notify('a', 'b')").announce);
    }

    #[test]
    fn temporary_tables_are_found_however_they_are_spelt() {
        for text in [
            "CREATE TEMPORARY TABLE a AS SELECT 1",
            "create\n temp\ttable a as select 1",
            "CREATE LOCAL TEMP TABLE a AS SELECT 1",
            "SELECT 1 AS a INTO/**/TEMP b",
            "CREATE OR REPLACE TEMP VIEW a AS SELECT 1",
        ] {
            assert!(effects(text).change, "{text}");
        }
        assert!(effects("SELECT temp FROM weather").is_none());
        assert!(effects("SELECT 'create temp'").is_none());
    }

    #[test]
    fn a_set_that_ends_with_the_transaction_is_told_from_one_that_stays() {
        for (text, local, loud) in [
            ("SET LOCAL work_mem = '77MB'", 1, false),
            (
                "set local a.b to 'c; SET d'; SELECT 1; SET/**/LOCAL ROLE reader",
                2,
                false,
            ),
            ("SET TRANSACTION READ ONLY", 1, true),
            ("SET LOCAL transaction_isolation = 'serializable'", 1, true),
            ("SET LOCAL a = 1; SET a = 1", 0, false),
            ("SET a = 1; SET LOCAL a = 1", 0, false),
            ("SET local.a = 1", 0, false),
            ("SET transaction.a = 1", 0, false),
            ("SET LOCAL a = '\\'", 0, false),
            ("UPDATE t SET local = 1", 0, false),
        ] {
            let effects = effects(text);
            assert_eq!((effects.local_sets, effects.loud), (local, loud), "{text}");
        }
        assert!(effects("SELECT set_config('transaction_isolation', $1, true)").loud);
        assert!(!effects("SELECT set_config('app.tenant', $1, true)").loud);
    }
}
