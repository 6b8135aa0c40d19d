//! Detects when the client has written a given statement to the socket.
//!
//! diesel-async sends more than the statement: it first prepares a new statement, and looks up unknown types, each
//! with its own Execute. The statement is recognized by the name in its Bind message and the SQL that was prepared
//! under that name.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Reads every message to the server and wakes the waiter when the expected statement is written.
#[derive(Debug, Default)]
pub(crate) struct StatementSent {
    /// An [`Expected`] exists.
    expecting: AtomicBool,
    prepared: Mutex<Prepared>,
    sent: Notify,
}

impl StatementSent {
    fn prepared(&self) -> MutexGuard<'_, Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if [`outgoing`](Self::outgoing) reads the bodies of messages with this tag.
    pub(crate) fn wants(&self, tag: u8) -> bool {
        match tag {
            b'P' | b'C' => true,
            b'B' => self.is_expecting(),
            _ => false,
        }
    }

    fn is_expecting(&self) -> bool {
        self.expecting.load(Ordering::SeqCst)
    }

    pub(crate) fn outgoing(&self, tag: u8, body: &[u8]) {
        let is_news = matches!(tag, b'P' | b'C') || self.is_expecting();
        if is_news && self.prepared().outgoing(tag, body) {
            self.sent.notify_one();
        }
    }

    /// Watches for a statement with this SQL until the result is dropped.
    pub(crate) fn expect(&self, sql: &str) -> Expected<'_> {
        self.prepared().expect(sql);
        self.expecting.store(true, Ordering::SeqCst);
        Expected(self)
    }
}

/// A statement that the client is about to write to the socket.
pub(crate) struct Expected<'statement_sent>(&'statement_sent StatementSent);

impl Expected<'_> {
    /// Returns once the whole statement is written.
    pub(crate) async fn sent(&self) {
        while !self.0.prepared().is_sent() {
            self.0.sent.notified().await;
        }
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.0.expecting.store(false, Ordering::SeqCst);
        self.0.prepared().forget();
    }
}

/// The prepared statements' SQL as hashes, and the expected statement.
#[derive(Debug, Default)]
struct Prepared {
    hasher: RandomState,
    names: HashMap<Vec<u8>, u64>,
    expected: Option<u64>,
    bound: bool,
    sent: bool,
}

impl Prepared {
    /// Sets the expected statement.
    fn expect(&mut self, sql: &str) {
        self.expected = Some(self.hasher.hash_one(sql.as_bytes()));
        self.bound = false;
        self.sent = false;
    }

    fn forget(&mut self) {
        self.expected = None;
    }

    /// True if the statement was written with the Sync that follows it.
    fn is_sent(&self) -> bool {
        self.sent
    }

    /// Records a message to the server. True when it completes the expected statement.
    fn outgoing(&mut self, tag: u8, body: &[u8]) -> bool {
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
            b'S' if std::mem::take(&mut self.bound) => {
                self.sent = true;
                return true;
            }
            _ => {}
        }
        false
    }
}

/// A zero-terminated string, and the bytes after it.
fn text(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == 0) {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (body, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared() -> Prepared {
        let mut prepared = Prepared::default();
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
