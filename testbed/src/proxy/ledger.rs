//! The proxy's counts: every chunk is counted before it is forwarded.
//!
//! Before, so that an answer is counted when the client sees it, and the client's next request is
//! counted later. So the counts are correct whenever a test reads them.

mod opening;

use std::collections::{BTreeSet, HashMap};

use super::counts::{Counts, Statement, StatementKind};
use super::fault::{Action, Armed, Cut, Scope};
use super::frames::{self, Frame, Frames};
use super::packets::Packets;
use super::{Direction, Protocol};

pub(crate) use self::opening::Opening;

/// All connections of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) counts: Counts,
    pub(crate) statements: Vec<Statement>,
    armed: Option<Armed>,
    generation: u64,
    /// The last connection's number.
    last: u64,
    live: BTreeSet<u64>,
    /// How many of the open connections may still turn out to be cancel requests.
    undecided: u64,
    /// How many times the counts were reset.
    resets: u64,
}

/// One connection's state.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    protocol: Protocol,
    frames: [Frames; 2],
    packets: Packets,
    /// The SQL of prepared statements by name.
    prepared: HashMap<String, String>,
    /// True if the server has not answered a request for TLS yet.
    asked_for_tls: bool,
    /// The direction of the last chunk.
    last: Direction,
    /// Bytes forwarded since this fault was armed.
    generation: u64,
    bytes: [u64; 2],
    opening: Opening,
    /// The number of resets when the connection opened.
    resets: u64,
    /// The round trips while it was undecided whether this is a connection.
    asking: u64,
    /// True if its bytes are swallowed from now on.
    pub(crate) stalled: bool,
}

/// The decision about a chunk: how many bytes to forward, and the action afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) pass: usize,
    pub(crate) then: Option<Action>,
}

impl Ledger {
    /// The next connection's number.
    pub(crate) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// True if a connection with a lower number is still open.
    pub(crate) fn is_open_below(&self, number: u64) -> bool {
        self.live.range(..number).next().is_some()
    }

    /// Resets the counts. Open connections stay open.
    pub(crate) fn reset(&mut self) {
        let open = self.counts.open;
        self.resets += 1;
        self.counts = Counts {
            open,
            most_open: open - self.undecided,
            ..Counts::default()
        };
        self.statements.clear();
    }

    pub(crate) fn arm(&mut self, cut: Option<Cut>) {
        self.generation += 1;
        let next_connection = self.next_number();
        self.armed = cut.map(|cut| Armed {
            cut,
            generation: self.generation,
            next_connection,
        });
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Counts a chunk, and decides how much of it is forwarded.
    pub(crate) fn enter(&mut self, entry: &mut Entry, to: Direction, chunk: &[u8]) -> Verdict {
        let verdict = self.judge(entry, to, chunk.len());
        let passed = &chunk[..verdict.pass];
        let length = passed.len() as u64;
        if length > 0 {
            match to {
                Direction::ToServer => self.counts.bytes_to_server += length,
                Direction::ToClient => self.counts.bytes_to_client += length,
            }
            match entry.protocol {
                Protocol::Postgres => self.read(entry, to, passed),
                Protocol::Mysql => self.read_commands(entry, to, passed),
                Protocol::Raw => {}
            }
            // By now, reading the chunk has shown what the connection is.
            self.take_turn(entry, to, passed);
        }
        if let Some(action) = verdict.then {
            self.counts.faults += 1;
            entry.stalled |= action == Action::Stall;
            if self
                .armed
                .is_some_and(|armed| armed.cut.scope != Scope::Every)
            {
                self.armed = None;
            }
        }
        verdict
    }

    fn judge(&self, entry: &mut Entry, to: Direction, length: usize) -> Verdict {
        let all = Verdict {
            pass: length,
            then: None,
        };
        let Some(armed) = self.armed.filter(|armed| armed.concerns(entry)) else {
            return all;
        };
        if entry.generation != armed.generation {
            entry.generation = armed.generation;
            entry.bytes = [0; 2];
        }
        let before = entry.bytes[to.index()];
        let left = usize::try_from(armed.cut.bytes.saturating_sub(before)).unwrap_or(usize::MAX);
        entry.bytes[to.index()] += length as u64;
        if armed.cut.direction != to || length < left {
            return all;
        }
        Verdict {
            pass: left,
            then: Some(armed.cut.action),
        }
    }

    fn take_turn(&mut self, entry: &mut Entry, to: Direction, passed: &[u8]) {
        let goodbye = match entry.protocol {
            Protocol::Postgres => Some(GOODBYE),
            Protocol::Mysql => Some(QUIT),
            Protocol::Raw => None,
        };
        if entry.opening == Opening::Cancel || goodbye == Some(passed) {
            return;
        }
        if to == Direction::ToServer && entry.last == Direction::ToClient {
            self.counts.round_trips += 1;
            entry.asking += u64::from(entry.opening == Opening::Undecided);
        }
        entry.last = to;
    }

    fn read(&mut self, entry: &mut Entry, to: Direction, passed: &[u8]) {
        if to == Direction::ToClient && std::mem::take(&mut entry.asked_for_tls) {
            // The answer is a single byte: after `S`, the stream is TLS; after `N`, the client
            // starts again.
            if passed[0] == b'N' {
                entry.frames[0].expect_startup();
                return self.read(entry, to, &passed[1..]);
            }
            // The encrypted stream will not show whether this is a cancel request.
            self.decide(entry, false);
            entry
                .frames
                .iter_mut()
                .for_each(|frames| frames.opaque = true);
        }
        for frame in entry.frames[to.index()].feed(passed) {
            self.note(entry, to, &frame);
        }
    }

    fn read_commands(&mut self, entry: &mut Entry, to: Direction, passed: &[u8]) {
        for command in entry.packets.feed(to, passed) {
            *self.counts.from_client.entry(command.letter).or_default() += 1;
            if let Some((kind, sql)) = command.statement {
                self.statements.push(Statement {
                    connection: entry.number,
                    kind,
                    sql,
                });
            }
        }
    }

    fn note(&mut self, entry: &mut Entry, to: Direction, frame: &Frame) {
        let Some(kind) = frame.kind else {
            entry.asked_for_tls = Opening::of(frame.code()) == Opening::Undecided;
            if !entry.asked_for_tls {
                self.decide(entry, frame.code() == frames::CANCEL);
            }
            return;
        };
        let counted = match to {
            Direction::ToServer => &mut self.counts.from_client,
            Direction::ToClient => &mut self.counts.from_server,
        };
        *counted.entry(char::from(kind)).or_default() += 1;
        if to == Direction::ToClient {
            return;
        }
        let mut texts = frame.texts();
        let (first, second) = (
            texts.next().unwrap_or_default(),
            texts.next().unwrap_or_default(),
        );
        let (kind, sql) = match kind {
            b'Q' => (StatementKind::Query, first),
            // A Parse message contains the statement's name and its SQL.
            b'P' => {
                entry.prepared.insert(first, second.clone());
                (StatementKind::Parse, second)
            }
            // A Bind message contains the portal's name and the statement's.
            b'B' => (
                StatementKind::Bind,
                entry.prepared.get(&second).cloned().unwrap_or_default(),
            ),
            _ => return,
        };
        self.statements.push(Statement {
            connection: entry.number,
            kind,
            sql,
        });
    }
}

/// PostgreSQL's Terminate, sent alone.
const GOODBYE: &[u8] = b"X\0\0\0\x04";

/// MySQL's, sent alone.
const QUIT: &[u8] = b"\x01\0\0\0\x01";

impl Armed {
    fn concerns(&self, entry: &Entry) -> bool {
        let is_next = self.cut.scope != Scope::Next || entry.number == self.next_connection;
        is_next && entry.opening != Opening::Cancel && !entry.stalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    const STARTUP: [u8; 9] = [0, 0, 0, 9, 0, 3, 0, 0, 0];
    const QUERY: &[u8] = b"Q\0\0\0\x06?\0";

    fn open(ledger: &mut Ledger) -> Entry {
        ledger.open(Protocol::Postgres, Opening::Connection)
    }

    #[test]
    fn messages_are_read_after_tls_was_declined_and_not_after_it_was_accepted() {
        for (answer, queries) in [(b"N", 1), (b"S", 0)] {
            let (mut ledger, to_server) = (Ledger::default(), Direction::ToServer);
            let mut entry = open(&mut ledger);
            ledger.enter(&mut entry, to_server, &TLS_REQUEST);
            ledger.enter(&mut entry, Direction::ToClient, answer);
            ledger.enter(&mut entry, to_server, &STARTUP);
            ledger.enter(&mut entry, to_server, QUERY);
            assert_eq!(ledger.counts.queries(), queries);
            assert_eq!(ledger.counts.round_trips, 2);
        }
    }

    #[test]
    fn a_cut_counts_from_its_arming_and_for_each_connection() {
        let mut ledger = Ledger::default();
        let (mut one, mut other) = (open(&mut ledger), open(&mut ledger));
        ledger.enter(&mut one, Direction::ToClient, &[0; 100]);
        ledger.arm(Some(Cut::after(10, Direction::ToClient)));
        let passed = |pass| Verdict { pass, then: None };
        assert_eq!(
            ledger.enter(&mut one, Direction::ToClient, &[0; 9]),
            passed(9)
        );
        assert_eq!(
            ledger.enter(&mut one, Direction::ToServer, &[0; 50]),
            passed(50)
        );
        assert_eq!(
            ledger.enter(&mut other, Direction::ToClient, &[0; 9]),
            passed(9)
        );
        let cut = ledger.enter(&mut one, Direction::ToClient, &[0; 9]);
        assert_eq!(
            cut,
            Verdict {
                pass: 1,
                then: Some(Action::Reset)
            }
        );
        assert!(!ledger.is_armed());
        assert_eq!(
            ledger.enter(&mut other, Direction::ToClient, &[0; 9]),
            passed(9)
        );
    }

    #[test]
    fn a_goodbye_is_no_round_trip() {
        let mut ledger = Ledger::default();
        let mut entry = open(&mut ledger);
        ledger.enter(&mut entry, Direction::ToServer, &STARTUP);
        ledger.enter(&mut entry, Direction::ToClient, b"Z\0\0\0\x05I");
        ledger.enter(&mut entry, Direction::ToServer, GOODBYE);
        assert_eq!(
            (ledger.counts.round_trips, ledger.counts.message('X')),
            (1, 1)
        );
    }
}
