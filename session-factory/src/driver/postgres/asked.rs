//! A text on its way to the server, read before it is answered.

use super::control::Control;
use super::ends::Flight;
use super::text;

/// Texts of this length and more are not read. Such a text may do anything.
pub(super) const LONGEST_TEXT: usize = 256 * 1024;

/// What a text may do.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// To the server session.
    pub(super) changes: bool,
    /// To those who listen.
    pub(super) announces: bool,
    /// A ROLLBACK in it that is not told apart by its text may be followed by another transaction.
    pub(super) chains: bool,
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
                asked
            }
            body if body.len() >= LONGEST_TEXT => Self::unread(),
            body => {
                let text = body.strip_suffix(b"\0").unwrap_or(body);
                let reading = text::read(text);
                Self {
                    changes: reading.sly,
                    announces: reading.announces,
                    chains: false,
                    flight: Flight {
                        begins: text.starts_with(b"BEGIN"),
                        controls: Some(reading.controls.into()),
                    },
                }
            }
        }
    }

    /// The body of a Parse message: a name, the text, the types. What runs it is a message of its own.
    pub(super) fn prepared(body: &[u8]) -> Self {
        if body.len() >= LONGEST_TEXT {
            return Self::unread();
        }
        let mut parts = body.split(|byte| *byte == 0);
        let text = parts.nth(1).unwrap_or_default();
        let reading = text::read(text);
        Self {
            changes: reading.sly,
            announces: reading.announces,
            chains: reading.controls.contains(&Control::End { chain: true }),
            flight: Flight::default(),
        }
    }

    fn unread() -> Self {
        Self {
            changes: true,
            announces: true,
            chains: true,
            flight: Flight::default(),
        }
    }
}
