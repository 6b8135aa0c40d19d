//! A text on its way to the server, read before it is answered.

use super::ends::Flight;
use super::mark;
use super::text::{self, Effects};

/// Texts of this length and more are not read. Such a text may do anything.
pub(super) const LONGEST_TEXT: usize = 256 * 1024;

/// A text that runs when it arrives.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) effects: Effects,
    pub(super) flight: Flight,
}

impl Asked {
    /// The body of a Query message.
    pub(super) fn query(body: &[u8]) -> Self {
        match body {
            // Most that are sent.
            b"BEGIN\0" | b"COMMIT\0" | b"ROLLBACK\0" | b"\0" => {
                let mut asked = Self::default();
                asked.flight.begins = body == b"BEGIN\0";
                asked.flight.may_end = body == b"COMMIT\0";
                asked
            }
            body if body.len() >= LONGEST_TEXT => Self {
                effects: Effects::ANY,
                flight: Flight {
                    may_end: true,
                    ..Flight::default()
                },
            },
            body => {
                let text = body.strip_suffix(b"\0").unwrap_or(body);
                let reading = text::read(text);
                let keeps_to_savepoints = mark::keeps_to_savepoints(text);
                Self {
                    effects: reading.effects,
                    flight: Flight {
                        begins: text.starts_with(b"BEGIN"),
                        keeps_to_savepoints,
                        may_end: !keeps_to_savepoints && mark::may_end(text),
                        mark: mark::number(text),
                        local_sets: reading.effects.local_sets,
                        ..Flight::default()
                    },
                }
            }
        }
    }
}

/// A text that runs whenever a message names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) effects: Effects,
    /// It may end the transaction.
    pub(super) may_end: bool,
}

impl Prepared {
    /// The text of a Parse message; none if the message is too long.
    pub(super) fn read(text: Option<&[u8]>) -> Self {
        let Some(text) = text else {
            return Self {
                effects: Effects::ANY,
                may_end: true,
            };
        };
        let reading = text::read(text);
        Self {
            effects: reading.effects,
            may_end: mark::begins_with_an_end(text),
        }
    }
}
