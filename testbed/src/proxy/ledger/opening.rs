//! Decides whether a connection counts, or is a cancel request.

use std::collections::HashMap;

use super::{Entry, Ledger};
use crate::proxy::frames::{self, Frames};
use crate::proxy::packets::Packets;
use crate::proxy::{Direction, Protocol};

/// The kind of a connection, as far as its packets have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Connection,
    Cancel,
    /// It has requested TLS or GSS encryption. What it sends after a refusal will show its kind.
    /// Until then it counts as a connection.
    Undecided,
}

impl Opening {
    /// The kind that its first packet's code shows.
    pub(crate) fn of(code: u32) -> Self {
        match code {
            frames::CANCEL => Self::Cancel,
            frames::TLS | frames::GSS => Self::Undecided,
            _ => Self::Connection,
        }
    }
}

impl Ledger {
    /// Adds a new connection.
    pub(crate) fn open(&mut self, protocol: Protocol, opening: Opening) -> Entry {
        if opening == Opening::Cancel {
            self.counts.cancel_requests += 1;
        } else {
            self.last += 1;
            self.live.insert(self.last);
            self.undecided += u64::from(opening == Opening::Undecided);
            self.counts.opened += 1;
            self.counts.open += 1;
            self.note_most();
        }
        Entry {
            // Ending all connections spares cancel requests, because no number is below this one.
            number: if opening == Opening::Cancel {
                u64::MAX
            } else {
                self.last
            },
            protocol,
            frames: [Frames::from_client(), Frames::from_server()],
            packets: Packets::default(),
            prepared: HashMap::new(),
            asked_for_tls: false,
            last: Direction::ToClient,
            generation: 0,
            bytes: [0; 2],
            opening,
            resets: self.resets,
            asking: 0,
            stalled: false,
        }
    }

    /// Decides an undecided connection: it counts, or it is a cancel request.
    pub(super) fn decide(&mut self, entry: &mut Entry, is_cancel: bool) {
        if entry.opening != Opening::Undecided {
            return;
        }
        self.undecided -= 1;
        if !is_cancel {
            entry.opening = Opening::Connection;
            self.note_most();
            return;
        }
        entry.opening = Opening::Cancel;
        self.live.remove(&entry.number);
        self.counts.open -= 1;
        self.counts.cancel_requests += 1;
        if entry.resets == self.resets {
            self.counts.opened -= 1;
            self.counts.round_trips -= entry.asking;
        }
        if let Some(armed) = &mut self.armed
            && armed.next_connection == entry.number
        {
            armed.next_connection += 1;
        }
        entry.number = u64::MAX;
    }

    /// Removes a connection that has ended on both sides.
    pub(crate) fn close(&mut self, entry: &mut Entry) {
        self.decide(entry, false);
        if self.live.remove(&entry.number) {
            self.counts.open -= 1;
        }
    }

    fn note_most(&mut self) {
        let surely = self.counts.open - self.undecided;
        self.counts.most_open = self.counts.most_open.max(surely);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    const GSS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];
    const CANCEL: [u8; 16] = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2];

    fn asked(ledger: &mut Ledger, request: &[u8], answer: &[u8]) -> Entry {
        let mut entry = ledger.open(Protocol::Postgres, Opening::Undecided);
        ledger.enter(&mut entry, Direction::ToServer, request);
        ledger.enter(&mut entry, Direction::ToClient, answer);
        entry
    }

    #[test]
    fn a_cancel_request_behind_declined_encryption_is_no_connection() {
        let mut ledger = Ledger::default();
        let mut client = ledger.open(Protocol::Postgres, Opening::Connection);
        let mut cancel = asked(&mut ledger, &GSS, b"N");
        ledger.enter(&mut cancel, Direction::ToServer, &TLS);
        ledger.enter(&mut cancel, Direction::ToClient, b"N");
        for byte in CANCEL {
            ledger.enter(&mut cancel, Direction::ToServer, &[byte]);
        }
        let counts = &ledger.counts;
        assert_eq!(
            (counts.opened, counts.open, counts.most_open),
            (1, 1, 1),
            "{counts:?}"
        );
        assert_eq!((counts.cancel_requests, counts.round_trips), (1, 0));
        ledger.close(&mut cancel);
        ledger.close(&mut client);
        assert_eq!(ledger.counts.open, 0);
    }

    #[test]
    fn a_cancel_request_takes_nothing_from_counts_that_began_after_it() {
        let mut ledger = Ledger::default();
        let mut cancel = asked(&mut ledger, &TLS, b"N");
        ledger.reset();
        let mut client = ledger.open(Protocol::Postgres, Opening::Connection);
        ledger.enter(&mut cancel, Direction::ToServer, &CANCEL);
        ledger.close(&mut cancel);
        let counts = ledger.counts.clone();
        assert_eq!((counts.opened, counts.open, counts.most_open), (1, 1, 1));
        ledger.close(&mut client);
    }

    #[test]
    fn what_goes_on_inside_accepted_tls_is_a_connection() {
        let mut ledger = Ledger::default();
        let mut entry = asked(&mut ledger, &TLS, b"S");
        ledger.enter(&mut entry, Direction::ToServer, &CANCEL);
        let counts = &ledger.counts;
        assert_eq!((counts.opened, counts.most_open), (1, 1));
        assert_eq!((counts.cancel_requests, counts.round_trips), (0, 2));
        ledger.close(&mut entry);
        assert_eq!(ledger.counts.open, 0);
    }
}
