//! Detects when the client has written a given statement to the socket.
//!
//! diesel-async sends more than the statement: first it prepares a new statement and looks up unknown types, each with
//! an Execute of its own. So the statement is recognized by the name in its Bind message and by the SQL that was
//! prepared under that name.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// The prepared statements' SQL as hashes, and the expected statement.
#[derive(Debug, Default)]
pub(crate) struct StatementSent {
    hasher: RandomState,
    names: HashMap<Vec<u8>, u64>,
    expected: Option<u64>,
    bound: bool,
    sent: bool,
}

impl StatementSent {
    /// True if [`outgoing`](Self::outgoing) has to read Bind messages. It always has to read Parse and Close.
    pub(crate) fn is_expecting(&self) -> bool {
        self.expected.is_some()
    }

    /// Watches for a statement with this SQL.
    pub(crate) fn expect(&mut self, sql: &str) {
        self.expected = Some(self.hasher.hash_one(sql.as_bytes()));
        self.bound = false;
        self.sent = false;
    }

    pub(crate) fn forget(&mut self) {
        self.expected = None;
    }

    /// True once the statement and the Sync after it have been written.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent
    }

    /// Records a message to the server. Returns true when the message completes the expected statement.
    pub(crate) fn outgoing(&mut self, tag: u8, body: &[u8]) -> bool {
        match tag {
            b'P' => {
                // Parse: statement name, SQL.
                let (name, rest) = text(body);
                let hash = self.hasher.hash_one(text(rest).0);
                self.names.insert(name.to_vec(), hash);
            }
            b'C' => {
                // Close: kind, name.
                if let [b'S', rest @ ..] = body {
                    self.names.remove(text(rest).0);
                }
            }
            b'B' => {
                // Bind: portal, statement name.
                let (_portal, rest) = text(body);
                self.bound = self.expected.is_some()
                    && self.names.get(text(rest).0) == self.expected.as_ref();
            }
            b'S' if self.is_expecting() && std::mem::take(&mut self.bound) => {
                self.sent = true;
                return true;
            }
            _ => {}
        }
        false
    }
}

/// Returns a zero-terminated string, and the bytes after it.
fn text(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == 0) {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (body, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> StatementSent {
        let mut prepared = StatementSent::default();
        prepared.outgoing(b'P', b"s0\0SELECT typname\0\0\0");
        prepared.outgoing(b'P', b"s1\0UPDATE users\0\0\0");
        prepared
    }

    #[test]
    fn the_statement_is_sent_with_its_sync_and_a_lookup_is_not_the_statement() {
        let mut prepared = prepared();
        prepared.expect("UPDATE users");
        assert!(!prepared.outgoing(b'B', b"\0s0\0"));
        assert!(!prepared.outgoing(b'E', b""));
        assert!(!prepared.outgoing(b'S', b""));
        assert!(!prepared.outgoing(b'B', b"\0s1\0"));
        assert!(!prepared.outgoing(b'E', b""));
        assert!(!prepared.is_sent());
        assert!(prepared.outgoing(b'S', b""));
        assert!(prepared.is_sent());
    }

    #[test]
    fn a_statement_that_was_closed_or_is_not_expected_is_not_seen() {
        let mut prepared = prepared();
        prepared.outgoing(b'B', b"\0s1\0");
        assert!(!prepared.outgoing(b'S', b""));
        prepared.expect("UPDATE users");
        prepared.outgoing(b'C', b"Ss1\0");
        prepared.outgoing(b'B', b"\0s1\0");
        assert!(!prepared.outgoing(b'S', b""));
    }
}
