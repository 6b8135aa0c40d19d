//! MySQL's packets: cut out of a stream of bytes, and the few that are read.

use mysql_async::consts::StatusFlags;

use super::error_code;
use crate::error::StatementError;

/// Length and sequence number.
pub(super) const HEADER: usize = 4;
/// A packet of this length is continued by the next one.
const LONGEST: usize = 0xff_ffff;

pub(super) const COM_QUIT: u8 = 0x01;
pub(super) const COM_INIT_DB: u8 = 0x02;
pub(super) const COM_QUERY: u8 = 0x03;
pub(super) const COM_PING: u8 = 0x0e;
pub(super) const COM_STMT_PREPARE: u8 = 0x16;
pub(super) const COM_STMT_EXECUTE: u8 = 0x17;
pub(super) const COM_STMT_SEND_LONG_DATA: u8 = 0x18;
pub(super) const COM_STMT_CLOSE: u8 = 0x19;
pub(super) const COM_RESET_CONNECTION: u8 = 0x1f;

/// The length of the packet at the front, and whether the next one continues it. None when it is not whole.
pub(super) fn whole(bytes: &[u8]) -> Option<(usize, bool)> {
    let [a, b, c, _sequence, ..] = bytes else {
        return None;
    };
    let body = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
    (bytes.len() >= HEADER + body).then_some((HEADER + body, body == LONGEST))
}

/// The length of the whole message at the front: a packet with those that continue it.
pub(super) fn whole_message(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let (packet, continued) = whole(&bytes[length..])?;
        length += packet;
        if !continued {
            return Some(length);
        }
    }
}

/// A command as one packet. What is sent this way is short.
pub(super) fn command(command: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap_or(u32::MAX);
    let mut packet = length.to_le_bytes()[..3].to_vec();
    packet.extend([0, command]);
    packet.extend(body);
    packet
}

/// The statement that a prepared statement's packet names.
pub(super) fn statement_id(body: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*body.first_chunk()?))
}

/// What an OK packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) affected: u64,
    pub(super) status: StatusFlags,
}

/// Reads an OK packet.
pub(super) fn done(payload: &[u8]) -> Option<Done> {
    let rest = payload.get(1..)?;
    let (affected, rest) = integer(rest)?;
    let (_insert_id, rest) = integer(rest)?;
    let status = u16::from_le_bytes(*rest.first_chunk()?);
    Some(Done {
        affected,
        status: StatusFlags::from_bits_truncate(status),
    })
}

/// Reads an EOF packet, the older end of rows.
pub(super) fn end_of_rows(payload: &[u8]) -> Option<Done> {
    let status = u16::from_le_bytes(*payload.get(3..)?.first_chunk()?);
    Some(Done {
        affected: 0,
        status: StatusFlags::from_bits_truncate(status),
    })
}

/// Reads an ERR packet. Before the handshake is over it has no SQLSTATE.
pub(super) fn error(payload: &[u8]) -> StatementError {
    let code = payload.get(1..).and_then(|rest| rest.first_chunk());
    let code = code.map_or(0, |code| u16::from_le_bytes(*code));
    let rest = payload.get(3..).unwrap_or_default();
    let (sqlstate, message) = match rest.strip_prefix(b"#") {
        Some(rest) if rest.len() >= 5 => (Some(&rest[..5]), &rest[5..]),
        _ => (None, rest),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    StatementError {
        kind: error_code::kind(code),
        message: text(message),
        sqlstate: sqlstate.map(text),
        code: Some(code),
        detail: None,
    }
}

/// A length-encoded integer.
pub(super) fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let length = match first {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        small => return Some((u64::from(*small), rest)),
    };
    let mut number = [0; 8];
    number[..length].copy_from_slice(rest.get(..length)?);
    Some((u64::from_le_bytes(number), &rest[length..]))
}

/// Version and connection number, from the server's greeting.
pub(super) fn greeting(payload: &[u8]) -> Option<String> {
    let rest = payload.strip_prefix(&[10])?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_all_its_packets() {
        let mut long = vec![0xff, 0xff, 0xff, 0];
        long.resize(HEADER + LONGEST, b'x');
        assert_eq!(whole_message(&long), None, "another packet follows");
        long.extend([1, 0, 0, 1, b'x']);
        assert_eq!(whole_message(&long), Some(long.len()));
        assert_eq!(whole(&[1, 0, 0, 0]), None);
        assert_eq!(whole(&command(COM_PING, b"")), Some((5, false)));
    }

    #[test]
    fn integers_have_four_lengths() {
        assert_eq!(integer(&[250, 1]), Some((250, &[1][..])));
        assert_eq!(integer(&[0xfc, 1, 1]), Some((257, &[][..])));
        assert_eq!(integer(&[0xfd, 0, 0, 1]), Some((65_536, &[][..])));
        assert_eq!(
            integer(&[0xfe, 0, 0, 0, 0, 1, 0, 0, 0]),
            Some((1 << 32, &[][..]))
        );
        assert_eq!(integer(&[0xfc, 1]), None);
    }

    #[test]
    fn errors_are_read_with_and_without_sqlstate() {
        let error = error(b"\xff\xbd\x04#40001Deadlock found");
        assert_eq!(
            (error.code(), error.sqlstate()),
            (Some(1213), Some("40001"))
        );
        assert_eq!(error.message(), "Deadlock found");
        assert!(error.is_transient());
        let early = super::error(b"\xff\x10\x04Too many connections");
        assert_eq!((early.code(), early.sqlstate()), (Some(1040), None));
    }
}
