//! What no command tag tells, and the text of a statement does.

use super::control::{self, Control};
use super::lexer::{Lexer, Token};

/// What changes the server session while the command tag says SELECT or UPDATE. Looked for in literals as well, which
/// may be run. (`U&"…"` can spell any name; what is in `pg_temp` is gone with `DISCARD TEMP`.)
const SLY: [&[u8]; 6] = [
    b"advisory_lock",
    b"advisory_xact_lock",
    b"set_config",
    b"pg_settings",
    b"pg_temp",
    b"setseed",
];

/// What a text is about to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// It may change the server session. One that calls a function of the application's which does so is not found:
    /// that name says nothing.
    pub(super) sly: bool,
    /// It may tell others something when its transaction commits.
    pub(super) announces: bool,
    /// Its statements that end a transaction or go back to a savepoint, in order.
    pub(super) controls: Vec<Control>,
}

/// Reads the text of a Query message, or of a Parse message with the name in front.
pub(super) fn read(text: &[u8]) -> Reading {
    let found = find(text);
    Reading {
        sly: found.sly || makes_temporary(text),
        announces: found.announces,
        controls: control::read(text),
    }
}

struct Found {
    sly: bool,
    announces: bool,
}

fn find(text: &[u8]) -> Found {
    let mut found = Found {
        sly: false,
        announces: false,
    };
    for (at, byte) in text.iter().enumerate() {
        let here = &text[at..];
        match byte | 0x20 {
            b'a' | b'p' | b's' => {
                found.sly |= SLY.iter().any(|needle| starts_with(here, needle));
                found.announces |= starts_with(here, b"pg_notify");
            }
            b'u' => found.sly |= starts_with(here, b"u&\""),
            _ => {}
        }
    }
    found
}

fn starts_with(text: &[u8], needle: &[u8]) -> bool {
    let start = text.get(..needle.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(needle))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_change_the_session_are_found_in_any_case() {
        assert!(read(b"select SET_CONFIG('a', 'b', false)").sly);
        assert!(read(b"UPDATE pg_settings SET setting = '1'").sly);
        assert!(read(b"CREATE FUNCTION pg_temp.f() RETURNS int").sly);
        assert!(read(b"SELECT U&\"\\0073et_config\"('a', 'b', false)").sly);
        assert!(!read(b"SELECT * FROM settings").sly);
        assert!(read(b"SELECT pg_notify('a', 'b')").announces);
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
            assert!(read(text.as_bytes()).sly, "{text}");
        }
        assert!(!read(b"SELECT temp FROM weather").sly);
        assert!(!read(b"SELECT 'create temp'").sly);
    }
}
