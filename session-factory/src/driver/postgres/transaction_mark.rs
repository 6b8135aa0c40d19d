//! The mark: a transaction-local setting that shows whether the open transaction is still the session's own.
//!
//! The command tag ROLLBACK is ambiguous: the server sends it for a rollback to a savepoint, and for a full rollback
//! after which another transaction begins at once. SQL that can get this tag contains ROLLBACK or ABORT. The driver
//! treats all such SQL as suspect without parsing it further, and sends a mark ahead of it in the same flight. If the
//! tag arrives and a transaction is open, the driver asks for the mark. The server undoes a mark at the transaction's
//! end, and at a rollback to an older savepoint, so the driver also sends a mark ahead of the body's SAVEPOINT.

use std::hash::{BuildHasher, RandomState};

use diesel::row::{Field, Row};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;

/// The SQL that sets the mark, up to its value. It takes no snapshot, so a later SET TRANSACTION still works.
const SET: &str = "SET LOCAL session_factory.mark TO '";
const SHOW: &str = "SHOW session_factory.mark";

/// One connection's marks. Each mark has its own number, which tells whether the mark was set before the SQL in doubt
/// or after it.
#[derive(Debug)]
pub(super) struct TransactionMarks {
    /// Random, so that the body's SQL cannot contain a mark by accident.
    nonce: u64,
    sent: u64,
}

impl Default for TransactionMarks {
    fn default() -> Self {
        Self {
            nonce: RandomState::new().hash_one(0),
            sent: 0,
        }
    }
}

impl TransactionMarks {
    /// Returns the SQL that sets the next mark.
    pub(super) fn next(&mut self) -> String {
        self.sent += 1;
        format!("{SET}{:016x}.{}'", self.nonce, self.sent)
    }

    /// Returns the last mark's number.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Asks the server for the open transaction's mark. Returns `None` if there is no mark, if the mark is not this
    /// connection's, or if the query failed.
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

/// Sends a mark without waiting for the answer: later messages on this connection queue after it.
pub(super) async fn send(mut connection: &AsyncPgConnection, text: &str) {
    // The first poll sends the message. tokio-postgres reads the answer even after the future is dropped.
    let sent = std::pin::pin!(connection.batch_execute(text));
    let _answer = futures_util::poll!(sent);
}

/// Returns the number of the mark that a message sets.
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
        let mut marks = TransactionMarks::default();
        assert_eq!(number(marks.next().as_bytes()), Some(1));
        let text = format!("BEGIN; SAVEPOINT session_factory_1; {}", marks.next());
        assert_eq!(number(text.as_bytes()), Some(2));
        assert_eq!(number(b"BEGIN"), None);
        assert_eq!(number(b"SELECT 'a'"), None);
    }
}
