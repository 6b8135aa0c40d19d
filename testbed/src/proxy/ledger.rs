//! The bookkeeping: every chunk is entered here before it is passed on.
//!
//! Before, not after: an answer is on the books when the client sees it, so what the client sends
//! next is on the books later. The counts are then true at any moment a test can look.

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
    /// The number of the last connection.
    last: u64,
    live: BTreeSet<u64>,
    /// How many of them may still turn out to be requests to cancel.
    undecided: u64,
    /// How often the counts began anew.
    resets: u64,
}

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    protocol: Protocol,
    frames: [Frames; 2],
    packets: Packets,
    /// Names of prepared statements.
    prepared: HashMap<String, String>,
    /// A request for TLS that the server has not answered yet.
    asked_for_tls: bool,
    /// Whose turn it was last.
    last: Direction,
    /// Bytes passed on since the armed fault's generation began.
    generation: u64,
    bytes: [u64; 2],
    opening: Opening,
    /// When it was opened: so many resets.
    resets: u64,
    /// Its round trips while it was undecided.
    asking: u64,
    /// Swallowed from here on.
    pub(crate) stalled: bool,
}

/// What to do with a chunk: pass on this much, then this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) pass: usize,
    pub(crate) then: Option<Action>,
}

impl Ledger {
    /// The number that the next connection will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// Whether a connection with a lower number is still open.
    pub(crate) fn is_open_below(&self, number: u64) -> bool {
        self.live.range(..number).next().is_some()
    }

    /// Starts counting anew. What is open stays open.
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

    /// Enters a chunk, and decides how much of it is passed on.
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
            // What it has turned out to be is known by now.
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
            // One byte without a frame: `S` and the rest is TLS, or `N` and the client starts over.
            if passed[0] == b'N' {
                entry.frames[0].expect_startup();
                return self.read(entry, to, &passed[1..]);
            }
            // Nobody can look into it any more.
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
            // Parse: the statement's name, its SQL.
            b'P' => {
                entry.prepared.insert(first, second.clone());
                (StatementKind::Parse, second)
            }
            // Bind: the portal's name, the statement's.
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
