//! Reads the SQL that the client sends.

use super::transaction_end::Flight;
use crate::driver::postgres::sql::side_effects::{self, SideEffects};
use crate::driver::postgres::sql::transaction_control;
use crate::driver::postgres::transaction_mark;
use crate::driver::savepoint_name;

/// In bytes. SQL of this length or more is not read; it counts as having every side effect.
pub(crate) const LONGEST_TEXT: usize = 256 * 1024;

/// SQL in a Query message: the server runs it on arrival.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) effects: SideEffects,
    pub(crate) flight: Flight,
}

impl Outgoing {
    /// Reads a Query message's body.
    pub(crate) fn query(body: &[u8]) -> Self {
        match body {
            body if body.len() >= LONGEST_TEXT => Self {
                effects: SideEffects::ANY,
                flight: Flight {
                    may_end: true,
                    runs_block: true,
                    ..Flight::default()
                },
            },
            body => {
                let text = body.strip_suffix(b"\0").unwrap_or(body);
                let effects = side_effects::read(text);
                let keeps_to_savepoints = transaction_control::keeps_to_savepoints(text);
                Self {
                    effects,
                    flight: Flight {
                        begins: text.starts_with(b"BEGIN"),
                        keeps_to_savepoints,
                        may_end: !keeps_to_savepoints && transaction_control::may_end(text),
                        runs_block: transaction_control::begins_with_a_block(text),
                        mark: transaction_mark::number(text).unwrap_or_default(),
                        local_sets: effects.local_sets,
                        ..Flight::default()
                    },
                }
            }
        }
    }
}

/// Recognizes the frequent Query messages that the session itself writes: BEGIN with its modes, COMMIT, ROLLBACK, and
/// statements on the session's savepoints. The spelling must match exactly, so the message cannot contain other SQL,
/// and the lexer can be skipped.
pub(crate) fn of_a_session(body: &[u8]) -> Option<Flight> {
    match body {
        // The most frequent messages.
        b"BEGIN\0" => Some(Flight {
            begins: true,
            ..Flight::default()
        }),
        b"COMMIT\0" => Some(Flight {
            may_end: true,
            ..Flight::default()
        }),
        b"ROLLBACK\0" | b"\0" => Some(Flight::default()),
        [b'B' | b'S' | b'R', .., 0] if body.len() < LONGEST_TEXT => {
            of_a_savepoint(&body[..body.len() - 1])
        }
        _ => None,
    }
}

fn of_a_savepoint(text: &[u8]) -> Option<Flight> {
    const VERBS: [&[u8]; 3] = [
        b"SAVEPOINT ",
        b"RELEASE SAVEPOINT ",
        b"ROLLBACK TO SAVEPOINT ",
    ];
    let prefix = savepoint_name::prefix().as_bytes();
    let is_begin = |statement: &[u8]| {
        let modes = statement.strip_prefix(b"BEGIN");
        modes.is_some_and(|modes| {
            let mut modes = modes.iter();
            modes.all(|byte| byte.is_ascii_uppercase() || *byte == b' ')
        })
    };
    let is_of_a_savepoint = |statement: &[u8]| {
        let name = VERBS.iter().find_map(|verb| statement.strip_prefix(*verb));
        let level = name.and_then(|name| name.strip_prefix(prefix));
        level.is_some_and(|level| !level.is_empty() && level.iter().all(u8::is_ascii_digit))
    };
    let mut statements = text
        .split(|byte| *byte == b';')
        .map(|statement| statement.strip_prefix(b" ").unwrap_or(statement))
        .peekable();
    let begins = statements.next_if(|first| is_begin(first)).is_some();
    statements.all(is_of_a_savepoint).then_some(Flight {
        begins,
        keeps_to_savepoints: !begins,
        ..Flight::default()
    })
}

/// What a prepared statement's SQL does. It takes effect at each Bind that names the statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) effects: SideEffects,
    /// It may end the transaction.
    pub(crate) may_end: bool,
    /// See [`Flight::runs_block`].
    pub(crate) runs_block: bool,
}

impl Prepared {
    /// Reads a Parse message's SQL. `text` is `None` if the message is too long to read.
    pub(crate) fn read(text: Option<&[u8]>) -> Self {
        let Some(text) = text else {
            return Self {
                effects: SideEffects::ANY,
                may_end: true,
                runs_block: true,
            };
        };
        Self {
            effects: side_effects::read(text),
            may_end: transaction_control::begins_with_an_end(text),
            runs_block: transaction_control::begins_with_a_block(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replaces `NAME_` by the prefix of the session's savepoints.
    fn named(text: &str) -> String {
        text.replace("NAME_", savepoint_name::prefix())
    }

    #[test]
    fn what_a_session_sends_is_known_by_its_spelling_and_nothing_else_is() {
        for (text, begins) in [
            ("BEGIN READ ONLY", true),
            (
                "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
                true,
            ),
            ("BEGIN; SAVEPOINT NAME_1", true),
            ("SAVEPOINT NAME_1", false),
            (
                "ROLLBACK TO SAVEPOINT NAME_2; RELEASE SAVEPOINT NAME_2",
                false,
            ),
        ] {
            let text = named(text);
            let flight = of_a_session(format!("{text}\0").as_bytes());
            let flight = flight.unwrap_or_else(|| unreachable!("{text}"));
            assert_eq!(
                (flight.begins, flight.keeps_to_savepoints),
                (begins, !begins),
                "{text}"
            );
            // Reading the text as SQL gives the same result.
            assert_eq!(
                side_effects::read(text.as_bytes()),
                SideEffects::default(),
                "{text}"
            );
            assert_eq!(
                transaction_control::keeps_to_savepoints(text.as_bytes()),
                !begins,
                "{text}"
            );
        }
        for text in [
            "BEGIN; COMMIT",
            "BEGIN; SELECT 1",
            "BEGIN -- a",
            "begin read only",
            "SAVEPOINT NAME_",
            "SAVEPOINT NAME_1 ",
            "SAVEPOINT NAME_raw",
            "SAVEPOINT NAME_1; ROLLBACK",
            "ROLLBACK TO SAVEPOINT NAME_1; ROLLBACK AND CHAIN",
            "BEGIN; SET LOCAL statement_timeout = 1",
            // SQL that the application wrote: the savepoint's name lacks the session's prefix.
            "SAVEPOINT session_factory_1",
        ] {
            let body = format!("{}\0", named(text));
            assert!(of_a_session(body.as_bytes()).is_none(), "{text}");
        }
    }
}
