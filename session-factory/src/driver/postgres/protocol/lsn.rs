//! Queries for a commit's position in the write-ahead log, and for a standby's replay position. The answers are read
//! off the stream, because diesel-async discards the rows of such a simple query.

use crate::call::LogPosition as Position;

/// COMMIT, and in the same message the query for its position. The query reads the insert position: with
/// `synchronous_commit = off` the server answers a commit before the flush, so the flushed position would be too low.
/// The time is the message's arrival (before the commit) minus 20 ms, because commits may be logged out of order.
pub(crate) const COMMIT: &str = "COMMIT; SELECT pg_current_wal_insert_lsn() || '@' \
     || (extract(epoch FROM statement_timestamp()) * 1000000)::bigint - 20000";

/// Asks a replica how far it has replayed, and when the last replayed transaction was committed. A replica promoted
/// meanwhile answers with its own insert position and time.
pub(crate) const REPLAYED: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
     ELSE pg_current_wal_insert_lsn() END || '@' || coalesce((extract(epoch FROM CASE \
     WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE statement_timestamp() \
     END) * 1000000)::bigint, 0)";

/// The last answer to a position query.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    /// True while the stream has to read rows, because one of them may be the answer.
    expecting: bool,
    answer: Option<Position>,
}

impl Positions {
    /// Call before a query is sent.
    pub(crate) fn expect(&mut self) {
        *self = Self {
            expecting: true,
            answer: None,
        };
    }

    /// Takes the answer, if one arrived, and stops reading rows.
    pub(crate) fn take(&mut self) -> Option<Position> {
        std::mem::take(self).answer
    }

    /// True while rows have to be read.
    pub(crate) fn expecting(&self) -> bool {
        self.expecting
    }

    /// Reads a row, which may belong to an earlier query that is still being answered. COMMIT's command tag arrives
    /// after such rows and before the answer; [`committed`](Self::committed) then discards what they left.
    pub(crate) fn row(&mut self, body: &[u8]) {
        if let Some(position) = position(body) {
            self.answer = Some(position);
        }
    }

    /// Call at COMMIT's command tag. Discards a position that was read before it, because the query after COMMIT is
    /// answered only later.
    pub(crate) fn committed(&mut self) {
        if self.expecting {
            self.answer = None;
        }
    }
}

/// Parses a `DataRow` with one text column: a two-byte count, a four-byte length, the text.
fn position(body: &[u8]) -> Option<Position> {
    let ([0, 1], rest) = body.split_first_chunk::<2>()? else {
        return None;
    };
    let (length, text) = rest.split_first_chunk::<4>()?;
    if usize::try_from(u32::from_be_bytes(*length)).ok()? != text.len() {
        return None;
    }
    Position::parse(std::str::from_utf8(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Vec<u8> {
        let mut body = vec![0, 1];
        body.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        body.extend(text.as_bytes());
        body
    }

    #[test]
    fn an_answer_is_the_last_position_behind_commit() {
        let mut positions = Positions::default();
        assert_eq!(positions.take(), None);
        positions.expect();
        // Rows of a query that was dropped before its last row.
        positions.row(&row("0/1"));
        positions.committed();
        assert_eq!(positions.take(), None);
        positions.expect();
        positions.committed();
        positions.row(&row("0/2A@7"));
        assert_eq!(positions.take(), Position::new(0x2A, 7));
        assert!(!positions.expecting());
    }

    #[test]
    fn what_is_no_position_is_no_answer() {
        let null = [0, 1, 255, 255, 255, 255];
        let two_columns = [
            0, 2, 0, 0, 0, 3, b'0', b'/', b'1', 0, 0, 0, 3, b'0', b'/', b'1',
        ];
        for body in [&[][..], &[0], &[0, 1], &null, &two_columns, &row("seven")] {
            assert_eq!(position(body), None, "{body:?}");
        }
        assert_eq!(position(&row("1/0")), Position::new(1 << 32, 0));
    }
}
