//! Parses MySQL's commands from a stream that arrives in arbitrary chunks.

use std::collections::HashMap;

use super::Direction;
use super::counts::StatementKind;

/// Length and sequence number.
const HEADER: usize = 4;

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    bytes: [Vec<u8>; 2],
    /// The SQL of prepared statements by number.
    prepared: HashMap<u32, String>,
    /// The SQL that the server is preparing.
    preparing: Option<String>,
}

/// A command of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// PostgreSQL's letter for a similar message: `Q`, `P`, `E`, `C`, `X`; `R` for a reset, `p` for
    /// a ping, `?` for any other command.
    pub(crate) letter: char,
    /// For a statement: how it was sent, and its SQL.
    pub(crate) statement: Option<(StatementKind, String)>,
}

impl Packets {
    /// Adds bytes, and returns the commands that they complete.
    pub(crate) fn feed(&mut self, to: Direction, chunk: &[u8]) -> Vec<Command> {
        self.bytes[to.index()].extend_from_slice(chunk);
        let mut commands = Vec::new();
        while let Some(packet) = self.next(to) {
            let (sequence, payload) = (packet[3], &packet[HEADER..]);
            match to {
                // A client's first packet of an exchange is a command; later packets belong to the
                // login.
                Direction::ToServer if sequence == 0 => commands.extend(self.command(payload)),
                Direction::ToServer => {}
                Direction::ToClient => self.answer(payload),
            }
        }
        commands
    }

    fn next(&mut self, to: Direction) -> Option<Vec<u8>> {
        let bytes = &mut self.bytes[to.index()];
        let [a, b, c, _, ..] = bytes.as_slice() else {
            return None;
        };
        let length = HEADER + u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        (bytes.len() >= length).then(|| bytes.drain(..length).collect())
    }

    fn command(&mut self, payload: &[u8]) -> Option<Command> {
        let (kind, body) = payload.split_first()?;
        let sql = || String::from_utf8_lossy(body).into_owned();
        let (letter, statement) = match kind {
            0x01 => ('X', None),
            0x03 => ('Q', Some((StatementKind::Query, sql()))),
            0x0e => ('p', None),
            0x16 => {
                self.preparing = Some(sql());
                ('P', Some((StatementKind::Parse, sql())))
            }
            0x17 => {
                let sql = id(body).and_then(|id| self.prepared.get(&id).cloned());
                ('E', Some((StatementKind::Bind, sql.unwrap_or_default())))
            }
            0x19 => ('C', None),
            0x1f => ('R', None),
            _ => ('?', None),
        };
        Some(Command { letter, statement })
    }

    fn answer(&mut self, payload: &[u8]) {
        if let (Some(sql), Some(0)) = (self.preparing.take(), payload.first()) {
            self.prepared.extend(id(&payload[1..]).map(|id| (id, sql)));
        }
    }
}

fn id(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_le_bytes()[..3].to_vec();
        bytes.push(sequence);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_prepared_statement_is_known_when_it_is_run_wherever_the_chunks_fall() {
        let mut packets = Packets::default();
        let mut commands = Vec::new();
        let login = packet(1, b"\x03 not a command");
        let prepare = packet(0, b"\x16SELECT ?");
        for byte in login.iter().chain(&prepare) {
            commands.extend(packets.feed(Direction::ToServer, &[*byte]));
        }
        packets.feed(
            Direction::ToClient,
            &packet(1, &[0, 7, 0, 0, 0, 1, 0, 1, 0]),
        );
        commands.extend(packets.feed(Direction::ToServer, &packet(0, &[0x17, 7, 0, 0, 0])));
        let seen: Vec<_> = commands
            .into_iter()
            .map(|command| (command.letter, command.statement.unwrap().1))
            .collect();
        assert_eq!(seen, [('P', "SELECT ?".into()), ('E', "SELECT ?".into())]);
    }
}
