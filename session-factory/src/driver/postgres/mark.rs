//! The mark: a setting that ends with the transaction. By it the server tells whether the transaction is still the one
//! that the session began.
//!
//! The command tag ROLLBACK is that of a rollback to a savepoint, and of one of the transaction with another that
//! begins at once. A text that can have this tag contains one of two words, whatever else it is made of; such a text is
//! suspect, and is not read any further. A mark goes ahead of it in the same flight. When the tag comes and a
//! transaction is open, the server is asked for the mark: a setting that was made with SET LOCAL is put back by the
//! transaction's end, and by a rollback to a savepoint that is older than the setting.

use std::hash::{BuildHasher, RandomState};

use diesel::row::{Field, Row};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;

/// What sets the mark, up to its value. No snapshot is taken: a SET TRANSACTION behind it still works.
const SET: &str = "SET LOCAL session_factory.mark TO '";
const SHOW: &str = "SHOW session_factory.mark";

/// The marks of one connection. Each has a number of its own, so that one that came too late is told from one that
/// stood before the text in doubt.
#[derive(Debug)]
pub(super) struct Marks {
    /// No text can hold it by accident.
    nonce: u64,
    sent: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            nonce: RandomState::new().hash_one(0),
            sent: 0,
        }
    }
}

impl Marks {
    /// The text that sets another one.
    pub(super) fn next(&mut self) -> String {
        self.sent += 1;
        format!("{SET}{:016x}.{}'", self.nonce, self.sent)
    }

    /// The number of the last one.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of the mark that the open transaction has. None: it has none, or the server cannot be asked.
    pub(super) async fn ask(&self, mut connection: &AsyncPgConnection) -> Option<u64> {
        let question = AsyncConnectionCore::load(&mut connection, diesel::sql_query(SHOW));
        let row = question.await.ok()?.next().await?.ok()?;
        let field = row.get(0)?;
        let value = field.value()?;
        let (nonce, number) = std::str::from_utf8(value.as_bytes())
            .ok()?
            .split_once('.')?;
        let is_ours = u64::from_str_radix(nonce, 16) == Ok(self.nonce);
        number.parse().ok().filter(|_| is_ours)
    }
}

/// Sends a mark, and does not wait for its answer: what follows on this connection is queued behind it.
pub(super) async fn send(mut connection: &AsyncPgConnection, text: &str) {
    // The first poll sends it. Dropped after that, its answer is read all the same.
    let sent = std::pin::pin!(connection.batch_execute(text));
    let _answer = futures_util::poll!(sent);
}

/// The number of the mark that a message of ours sets.
pub(super) fn number(message: &[u8]) -> Option<u64> {
    let message = message.strip_suffix(b"'")?;
    let at = message
        .windows(SET.len())
        .rposition(|part| part == SET.as_bytes())?;
    let value = std::str::from_utf8(&message[at + SET.len()..]).ok()?;
    value.split_once('.')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_sets_a_mark_is_known_by_its_number() {
        let mut marks = Marks::default();
        assert_eq!(number(marks.next().as_bytes()), Some(1));
        let text = format!("BEGIN; SAVEPOINT session_factory_1; {}", marks.next());
        assert_eq!(number(text.as_bytes()), Some(2));
        assert_eq!(number(b"BEGIN"), None);
        assert_eq!(number(b"SELECT 'a'"), None);
    }
}
