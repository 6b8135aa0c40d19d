//! Follows the packets of one command's reply to its end.

use mysql_async::consts::StatusFlags;

use super::packet::{self, Done};
use crate::error::StatementError;

/// Where in a reply the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// One packet: OK or an error.
    Simple,
    /// The first packet of a result, or of another one behind it.
    Result,
    /// Rows, to their end.
    Rows,
    /// The first packet about a prepared statement.
    Prepared,
    /// Definitions of columns or parameters, then what follows them.
    Definitions { left: u64, then: After },
    /// The packet that ends definitions, for a client of the older protocol.
    EndOfDefinitions(After),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Rows,
    Columns(u64),
    Nothing,
}

/// What a packet meant.
#[derive(Debug)]
pub(super) enum Step {
    /// More follows.
    More,
    /// A statement is done; another one's result follows.
    Part(Done),
    /// The reply is complete: done, where the server says what.
    End(Option<Done>),
    /// The reply is complete, with an error.
    Failed(StatementError),
    /// The client is asked for a file.
    File,
}

impl Reply {
    /// Takes in the server's next packet. `short` is how replies are for a client that takes no EOF packets.
    pub(super) fn feed(&mut self, payload: &[u8], short: bool) -> Step {
        let first = payload.first().copied().unwrap_or_default();
        let is_definition = matches!(self, Self::Definitions { .. } | Self::EndOfDefinitions(_));
        if first == 0xff && !is_definition {
            return Step::Failed(packet::error(payload));
        }
        match *self {
            Self::Simple => Step::End(packet::done(payload)),
            Self::Result => match first {
                0x00 => self.result(packet::done(payload)),
                0xfb => Step::File,
                _ => {
                    let columns = packet::integer(payload).map_or(0, |(columns, _)| columns);
                    self.define(columns, After::Rows)
                }
            },
            Self::Rows => {
                // A row that begins so holds a value of sixteen megabytes.
                let is_end = first == 0xfe && payload.len() < if short { 0xff_ffff } else { 9 };
                if !is_end {
                    return Step::More;
                }
                self.result(if short {
                    packet::done(payload)
                } else {
                    packet::end_of_rows(payload)
                })
            }
            Self::Prepared => {
                let number = |at: usize| {
                    let bytes = payload.get(at..).and_then(|rest| rest.first_chunk());
                    bytes.map_or(0, |bytes| u64::from(u16::from_le_bytes(*bytes)))
                };
                let (columns, parameters) = (number(5), number(7));
                match parameters {
                    0 => self.define(columns, After::Nothing),
                    _ => self.define(parameters, After::Columns(columns)),
                }
            }
            Self::Definitions { left, then } if left > 1 => {
                *self = Self::Definitions {
                    left: left - 1,
                    then,
                };
                Step::More
            }
            Self::Definitions { then, .. } if !short => {
                *self = Self::EndOfDefinitions(then);
                Step::More
            }
            Self::Definitions { then, .. } | Self::EndOfDefinitions(then) => match then {
                After::Rows => {
                    *self = Self::Rows;
                    Step::More
                }
                After::Columns(columns) => self.define(columns, After::Nothing),
                After::Nothing => Step::End(None),
            },
        }
    }

    fn define(&mut self, left: u64, then: After) -> Step {
        if left == 0 {
            return Step::End(None);
        }
        *self = Self::Definitions { left, then };
        Step::More
    }

    fn result(&mut self, done: Option<Done>) -> Step {
        match done {
            Some(done)
                if done
                    .status
                    .contains(StatusFlags::SERVER_MORE_RESULTS_EXISTS) =>
            {
                *self = Self::Result;
                Step::Part(done)
            }
            done => Step::End(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = &[0x00, 3, 0, 0x01, 0x00, 0, 0];
    const OK_AND_MORE: &[u8] = &[0x00, 0, 0, 0x09, 0x00, 0, 0];
    const ERROR: &[u8] = b"\xff\xbd\x04#40001Deadlock";
    const EOF: &[u8] = &[0xfe, 0, 0, 0x01, 0x00];
    const END_OF_ROWS: &[u8] = &[0xfe, 0, 0, 0x01, 0x00, 0, 0];
    const ROW: &[u8] = &[1, b'7'];
    const DEFINITION: &[u8] = b"\x03def";

    /// How many packets it takes until the reply is complete; None when it never is.
    fn length(mut reply: Reply, packets: &[&[u8]], short: bool) -> Option<usize> {
        packets
            .iter()
            .position(|packet| matches!(reply.feed(packet, short), Step::End(_) | Step::Failed(_)))
            .map(|index| index + 1)
    }

    #[test]
    fn a_result_ends_with_its_rows_in_both_protocols() {
        let rows = [&[2][..], DEFINITION, DEFINITION, ROW, ROW, END_OF_ROWS];
        assert_eq!(length(Reply::Result, &rows, true), Some(6));
        assert_eq!(length(Reply::Result, &rows[..5], true), None);
        let rows = [&[1][..], DEFINITION, EOF, ROW, EOF];
        assert_eq!(length(Reply::Result, &rows, false), Some(5));
    }

    #[test]
    fn an_error_among_the_rows_is_the_end() {
        let rows = [&[1][..], DEFINITION, ROW, ERROR];
        assert_eq!(length(Reply::Result, &rows, true), Some(4));
    }

    #[test]
    fn several_results_are_one_reply() {
        let results = [OK_AND_MORE, &[1][..], DEFINITION, END_OF_ROWS];
        assert_eq!(length(Reply::Result, &results, true), Some(4));
        assert_eq!(length(Reply::Result, &[OK_AND_MORE, OK], true), Some(2));
    }

    #[test]
    fn a_prepared_statement_ends_with_its_last_definition() {
        let prepared = |columns, parameters| [0, 1, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0];
        assert_eq!(length(Reply::Prepared, &[&prepared(0, 0)], true), Some(1));
        let both = prepared(1, 2);
        let packets = [&both[..], DEFINITION, DEFINITION, DEFINITION];
        assert_eq!(length(Reply::Prepared, &packets, true), Some(4));
        let packets = [&both[..], DEFINITION, DEFINITION, EOF, DEFINITION, EOF];
        assert_eq!(length(Reply::Prepared, &packets, false), Some(6));
    }

    #[test]
    fn the_status_of_an_ok_is_read() {
        let Step::End(Some(done)) = Reply::Simple.feed(OK, true) else {
            panic!("not the end");
        };
        assert_eq!(done.affected, 3);
        assert!(done.status.contains(StatusFlags::SERVER_STATUS_IN_TRANS));
    }
}
