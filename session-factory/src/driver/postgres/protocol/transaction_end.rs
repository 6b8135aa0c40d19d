//! Determines how the session's transaction ended, and what ran after its end, from the order in which the server's
//! command tags, errors and transaction status arrive.
//!
//! The first end decides the outcome of the session's work. SQL that the body runs after that end
//! is outside the transaction, and has a separate outcome. If the tags fit two histories, the end
//! is [unseen](TransactionEnd::Unseen). If a ROLLBACK leaves a transaction open, the end is in
//! doubt until the server has answered the query for the [mark](crate::driver::postgres::transaction_mark).

use std::collections::VecDeque;

use crate::driver::TransactionEnd;
use crate::error::AfterEnd;

/// A message that the server answers with ReadyForQuery.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about one text, each of which holds or does not beside the others"
)]
pub(crate) struct Flight {
    /// It begins the session's transaction.
    pub(crate) begins: bool,
    /// Every ROLLBACK tag that the server may answer it with reports a rollback to a savepoint.
    pub(crate) keeps_to_savepoints: bool,
    /// The number of the mark that it sets; 0 if it sets none.
    pub(crate) mark: u64,
    /// It may end the transaction, by commit or rollback.
    pub(crate) may_end: bool,
    /// It is a block or a procedure's call. Outside of a transaction it may begin and end transactions of its own, for
    /// which the server sends no command tag.
    pub(crate) runs_block: bool,
    /// How many of its SET tags are transaction-local.
    pub(crate) local_sets: u32,
    pub(crate) sender: Sender,
}

/// Whether a message is the body's work or the session's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    #[default]
    Body,
    /// The session sent it to end the transaction.
    Session,
}

/// Tracks the end of the transaction that was begun last.
#[derive(Debug, Default)]
pub(crate) struct EndTracker {
    flights: VecDeque<Flight>,
    /// A transaction is open, according to the last tag or status.
    inside: bool,
    first: Option<TransactionEnd>,
    /// The number of this transaction's last mark; 0 without one.
    marked: u64,
    /// `Some` after a ROLLBACK tag that may report a rollback to a savepoint: the number of the last mark before it.
    doubt: Option<u64>,
    /// The message that the server is answering met an error.
    failed: bool,
    behind: LaterWork,
}

/// The outcome of work that ran after the transaction's end, or after a ROLLBACK in doubt.
#[derive(Debug, Default)]
struct LaterWork {
    /// Outcomes that are final.
    settled: AfterEnd,
    /// Some statements succeeded. COMMIT will commit them, or the end of a message that leaves no transaction open.
    pending: bool,
    /// Some statements succeeded, and a later event may have rolled them back.
    held: bool,
}

/// Tags of statements that do no work which a rollback could lose.
const IDLE: [&[u8]; 7] = [
    b"BEGIN",
    b"START TRANSACTION",
    b"SAVEPOINT",
    b"RELEASE",
    b"SET",
    b"RESET",
    b"SHOW",
];

impl Flight {
    fn is_of_body(&self) -> bool {
        self.sender == Sender::Body
    }
}

impl EndTracker {
    /// Clears what was recorded of earlier transactions, but keeps the unanswered messages.
    pub(crate) fn begin_watch(&mut self) {
        *self = Self {
            flights: std::mem::take(&mut self.flights),
            inside: self.inside,
            ..Self::default()
        };
    }

    pub(crate) fn sent(&mut self, flight: Flight) {
        self.flights.push_back(flight);
    }

    /// True if no message has ended the transaction, or may have ended it.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.first.is_none() && self.doubt.is_none() && !self.failed
    }

    /// True while a message that the body sent, and that may end the transaction, is unanswered.
    pub(crate) fn awaits_an_end(&self) -> bool {
        let mut flights = self.flights.iter();
        flights.any(|flight| flight.is_of_body() && flight.may_end)
    }

    /// True while the session's BEGIN is unanswered.
    pub(crate) fn is_beginning(&self) -> bool {
        self.flights.iter().any(|flight| flight.begins)
    }

    /// Call at each SET tag. Returns true if the setting ends with the transaction.
    pub(crate) fn is_local_set(&mut self) -> bool {
        let Some(flight) = self.flights.front_mut() else {
            return false;
        };
        let is_local = flight.local_sets > 0;
        flight.local_sets = flight.local_sets.saturating_sub(1);
        is_local
    }

    /// Call when the connection is lost: the outcome of unanswered messages is then unknown. The end is unseen if one
    /// of them may have ended the transaction, or ran after the transaction's end.
    pub(crate) fn lost(&mut self) {
        let has_ended = self.first.is_some() || self.doubt.is_some();
        let mut flights = self.flights.iter().filter(|flight| flight.is_of_body());
        if flights.any(|flight| flight.may_end || has_ended) {
            self.first = Some(TransactionEnd::Unseen);
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<TransactionEnd> {
        self.first
    }

    /// True if a transaction is open, but possibly not the one that the session began. The server can tell, by its
    /// answer to the query for the mark.
    #[inline]
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// True if a message that may end the transaction met an error and its ReadyForQuery is outstanding. A statement
    /// sent now could run outside a transaction.
    pub(crate) fn is_unsettled(&self) -> bool {
        let front = self.flights.front();
        self.failed && front.is_some_and(|flight| flight.may_end && flight.is_of_body())
    }

    /// Records the server's answer to the query for the mark: the open transaction's mark.
    pub(crate) fn answered(&mut self, mark: Option<u64>) {
        let Some(last) = self.doubt.take() else {
            return;
        };
        // A mark set after the ROLLBACK proves nothing: it belongs to the transaction that was open when it was set.
        if mark.is_some_and(|mark| mark <= last) {
            self.behind = LaterWork::default();
        } else {
            self.first = Some(TransactionEnd::RolledBack);
        }
    }

    /// Returns the outcome of the work after the end; `None` if nothing ran after it.
    #[inline]
    pub(crate) fn behind(&self) -> Option<AfterEnd> {
        let AfterEnd {
            committed,
            rolled_back,
        } = self.behind.settled;
        // What is still open counts as rolled back, because the session rolls it back.
        let rolled_back = rolled_back || self.behind.is_open();
        (committed || rolled_back).then_some(AfterEnd {
            committed,
            rolled_back,
        })
    }

    pub(crate) fn completed(&mut self, tag: &[u8]) {
        self.passes_block();
        match tag {
            b"COMMIT" => {
                self.end(TransactionEnd::Committed);
                if self.behind.held {
                    self.first = Some(TransactionEnd::Unseen);
                }
                self.behind.settled.committed |= std::mem::take(&mut self.behind.pending);
            }
            b"PREPARE TRANSACTION" => self.end(TransactionEnd::Unseen),
            b"ROLLBACK" => {
                let front = self.flights.front();
                if front.is_some_and(|flight| flight.keeps_to_savepoints) {
                    return;
                }
                if self.first.is_none() && self.inside {
                    self.doubt.get_or_insert(self.marked);
                }
                self.behind.hold();
            }
            b"BEGIN" | b"START TRANSACTION" => self.inside = true,
            _ if (self.first.is_some() || self.doubt.is_some()) && !IDLE.contains(&tag) => {
                let front = self.flights.front();
                self.behind.pending |= front.is_none_or(Flight::is_of_body);
            }
            _ => {}
        }
    }

    pub(crate) fn failed(&mut self) {
        self.failed = true;
        self.passes_block();
        self.behind.hold();
        // A failed statement after COMMIT counts as rolled back, even if it was the only one.
        let is_of_body = self.flights.front().is_none_or(Flight::is_of_body);
        self.behind.held |= self.first == Some(TransactionEnd::Committed) && is_of_body;
    }

    /// Call at each ReadyForQuery. Returns true if the message's error ended the transaction. Only the error of a
    /// refused COMMIT or PREPARE TRANSACTION does.
    pub(crate) fn ready(&mut self, inside: bool) -> bool {
        let mut by_error = false;
        let failed = std::mem::take(&mut self.failed);
        let flight = self.flights.pop_front();
        if let Some(mark @ 1..) = flight.map(|flight| flight.mark)
            && !failed
        {
            self.marked = mark;
        }
        if !inside {
            if self.doubt.take().is_some() {
                self.first = Some(TransactionEnd::RolledBack);
            } else if self.inside && self.first.is_none() {
                // No command tag: an error ended the transaction.
                by_error = failed;
                self.first = Some(if failed {
                    TransactionEnd::RolledBack
                } else {
                    TransactionEnd::Unseen
                });
            }
            self.behind.settle();
        }
        self.inside = inside;
        by_error
    }

    /// Call at the end of a statement, before its tag is recorded. If the body's block ran after the transaction's end
    /// and outside of another transaction, nothing shows which part of its work was committed.
    fn passes_block(&mut self) {
        let is_outside = self.first.is_some() && !self.inside;
        let mut front = self.flights.front().into_iter();
        if is_outside && front.any(|flight| flight.runs_block && flight.is_of_body()) {
            self.first = Some(TransactionEnd::Unseen);
        }
    }

    /// Records a command tag that the server sends only for a transaction's end.
    fn end(&mut self, end: TransactionEnd) {
        let was_inside = std::mem::take(&mut self.inside);
        if self.doubt.take().is_some() {
            // The tag may belong to the session's transaction or to a later one.
            self.first = Some(TransactionEnd::Unseen);
        } else if self.first.is_none() && was_inside {
            // Only inside a transaction: outside one the server sends this tag too, with a warning.
            self.first = Some(end);
        } else if self.first.is_some() && end == TransactionEnd::Unseen && self.behind.is_open() {
            self.first = Some(TransactionEnd::Unseen);
        }
    }
}

impl LaterWork {
    fn hold(&mut self) {
        self.held |= std::mem::take(&mut self.pending);
    }

    fn is_open(&self) -> bool {
        self.pending || self.held
    }

    /// Call when no transaction is open: the outcomes are final.
    fn settle(&mut self) {
        self.settled.committed |= std::mem::take(&mut self.pending);
        self.settled.rolled_back |= std::mem::take(&mut self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLBACK: Option<TransactionEnd> = Some(TransactionEnd::RolledBack);
    const COMMIT: Option<TransactionEnd> = Some(TransactionEnd::Committed);
    const UNSEEN: Option<TransactionEnd> = Some(TransactionEnd::Unseen);

    fn begun() -> EndTracker {
        let mut end_tracker = EndTracker::default();
        end_tracker.sent(Flight::default());
        end_tracker.completed(b"BEGIN");
        end_tracker.ready(true);
        end_tracker.sent(Flight {
            mark: 1,
            ..Flight::default()
        });
        end_tracker.completed(b"SET");
        end_tracker.ready(true);
        end_tracker
    }

    fn run(end_tracker: &mut EndTracker, tags: &[&str], status: u8) {
        end_tracker.sent(Flight::default());
        for tag in tags {
            match *tag {
                "error" => end_tracker.failed(),
                tag => end_tracker.completed(tag.as_bytes()),
            }
        }
        end_tracker.ready(status != b'I');
    }

    /// Returns the end, and the outcomes after it, when the server answers one message with these tags.
    fn told(tags: &[&str], status: u8) -> (Option<TransactionEnd>, Option<(bool, bool)>) {
        let mut end_tracker = begun();
        run(&mut end_tracker, tags, status);
        let behind = end_tracker.behind();
        let behind = behind.map(|behind| (behind.committed, behind.rolled_back));
        (end_tracker.first(), behind)
    }

    #[test]
    fn an_end_is_told_as_far_as_the_tags_tell_it() {
        assert_eq!(told(&["ROLLBACK"], b'I'), (ROLLBACK, None));
        assert_eq!(told(&["COMMIT", "ROLLBACK"], b'I'), (COMMIT, None));
        assert_eq!(told(&["error"], b'I'), (ROLLBACK, None));
        assert_eq!(told(&["SELECT 1"], b'T'), (None, None));
        // Either a rollback to a savepoint and a commit of the rest, or a full rollback and then an empty commit.
        assert_eq!(told(&["ROLLBACK", "COMMIT"], b'I'), (UNSEEN, None));
        assert_eq!(told(&["PREPARE TRANSACTION"], b'I'), (UNSEEN, None));
    }

    #[test]
    fn a_rollback_with_a_transaction_open_behind_it_is_in_doubt_until_the_server_names_the_mark() {
        for (mark, first) in [(Some(1), None), (None, ROLLBACK), (Some(2), ROLLBACK)] {
            let mut end_tracker = begun();
            run(&mut end_tracker, &["ROLLBACK"], b'T');
            assert!(end_tracker.is_in_doubt());
            // Mark 2 was set after the message in doubt.
            end_tracker.sent(Flight {
                mark: 2,
                ..Flight::default()
            });
            end_tracker.completed(b"SET");
            end_tracker.ready(true);
            end_tracker.answered(mark);
            assert_eq!(
                (end_tracker.first(), end_tracker.is_in_doubt()),
                (first, false),
                "{mark:?}"
            );
        }
        let mut end_tracker = begun();
        end_tracker.sent(Flight {
            keeps_to_savepoints: true,
            ..Flight::default()
        });
        end_tracker.completed(b"ROLLBACK");
        end_tracker.ready(true);
        assert!(!end_tracker.is_in_doubt());
    }

    #[test]
    fn an_end_that_the_loss_of_the_connection_hides_is_unseen() {
        let lost = |may_end, tags: &[&str], sender| {
            let mut watched = begun();
            watched.sent(Flight {
                may_end,
                sender,
                ..Flight::default()
            });
            for tag in tags {
                watched.completed(tag.as_bytes());
            }
            watched.lost();
            watched.first()
        };
        assert_eq!(lost(true, &[], Sender::Body), UNSEEN);
        assert_eq!(lost(true, &["COMMIT"], Sender::Body), UNSEEN);
        assert_eq!(lost(false, &["INSERT 0 1"], Sender::Body), None);
        // The outcome of the session's own COMMIT is decided elsewhere, from the answer to it.
        assert_eq!(lost(true, &[], Sender::Session), None);
        let mut end_tracker = begun();
        run(&mut end_tracker, &["COMMIT"], b'I');
        end_tracker.lost();
        assert_eq!(end_tracker.first(), COMMIT);
        end_tracker.sent(Flight::default());
        end_tracker.lost();
        assert_eq!(end_tracker.first(), UNSEEN);
    }

    #[test]
    fn what_runs_after_the_end_has_an_outcome_of_its_own() {
        let open = Some((false, true));
        assert_eq!(
            told(&["COMMIT", "BEGIN", "INSERT 0 1"], b'T'),
            (COMMIT, open)
        );
        assert_eq!(told(&["COMMIT", "INSERT 0 1"], b'T'), (COMMIT, open));
        assert_eq!(
            told(&["COMMIT", "INSERT 0 1", "error"], b'I'),
            (COMMIT, open)
        );
        assert_eq!(told(&["COMMIT", "error"], b'I'), (COMMIT, open));
        let tags = ["COMMIT", "BEGIN", "INSERT 0 1", "ROLLBACK"];
        assert_eq!(told(&tags, b'I'), (COMMIT, open));
        let kept = Some((true, false));
        assert_eq!(told(&["COMMIT", "INSERT 0 1"], b'I'), (COMMIT, kept));
        assert_eq!(told(&["ROLLBACK", "INSERT 0 1"], b'I'), (ROLLBACK, kept));
        // In a text of several statements, a block cannot end a transaction.
        assert_eq!(told(&["COMMIT", "DO"], b'I'), (COMMIT, kept));
        // If the ROLLBACK goes to a savepoint, the last COMMIT may commit the INSERT. Otherwise the INSERT is lost.
        let tags = ["COMMIT", "BEGIN", "INSERT 0 1", "ROLLBACK", "COMMIT"];
        assert_eq!(told(&tags, b'I').0, UNSEEN);
    }

    #[test]
    fn a_block_outside_of_a_transaction_hides_what_became_of_its_work() {
        let first = |end: &str, begin: &[&str], tag: &str, status: u8, sender: Sender| {
            let mut end_tracker = begun();
            run(&mut end_tracker, &[end], b'I');
            run(&mut end_tracker, begin, status);
            end_tracker.sent(Flight {
                runs_block: true,
                sender,
                ..Flight::default()
            });
            match tag {
                "error" => end_tracker.failed(),
                tag => end_tracker.completed(tag.as_bytes()),
            }
            end_tracker.ready(status != b'I');
            end_tracker.first()
        };
        for tag in ["DO", "CALL", "error"] {
            assert_eq!(first("COMMIT", &[], tag, b'I', Sender::Body), UNSEEN);
            assert_eq!(first("COMMIT", &[], tag, b'I', Sender::Session), COMMIT);
            // Inside of a transaction the server refuses to end it.
            assert_eq!(first("COMMIT", &["BEGIN"], tag, b'T', Sender::Body), COMMIT);
        }
    }
}
