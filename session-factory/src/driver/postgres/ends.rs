//! How the session's transaction ended, and what ran behind that: read off the command tags, in their order.
//!
//! The first end decides what became of the session's work. What a text or the raw connection does behind it is outside
//! of the transaction, and has a fate of its own.

use std::collections::VecDeque;

use super::control::Control;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Rollback,
}

/// What became of the statements that ran behind the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) committed: bool,
    pub(super) rolled_back: bool,
}

/// A message that the server answers with ReadyForQuery.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// It begins a transaction of the session's.
    pub(super) begins: bool,
    /// What its text has of them. None: it was not read, or there is none.
    pub(super) controls: Option<VecDeque<Control>>,
    /// Its tags of SET that are of settings which end with the transaction.
    pub(super) local_sets: u32,
}

/// The end of the transaction that was begun last.
#[derive(Debug, Default)]
pub(super) struct Ends {
    flights: VecDeque<Flight>,
    /// A transaction is open, by the last tag.
    inside: bool,
    first: Option<End>,
    /// The tag ROLLBACK of a text that was not read: ReadyForQuery tells which statement it was.
    unsure: bool,
    /// Such a text may have said `AND CHAIN`.
    pub(super) may_chain: bool,
    behind: Fates,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
struct Fates {
    committed: bool,
    rolled_back: bool,
    /// Inside of a transaction that is open.
    open: bool,
    /// Outside of any, and undone if what is left of its message fails.
    loose: bool,
}

/// Tags of statements that do no work of their own.
const IDLE: [&[u8]; 7] = [
    b"BEGIN",
    b"START TRANSACTION",
    b"SAVEPOINT",
    b"RELEASE",
    b"SET",
    b"RESET",
    b"SHOW",
];

impl Ends {
    /// Forgets earlier transactions, and not what is under way.
    pub(super) fn begin_watch(&mut self) {
        *self = Self {
            flights: std::mem::take(&mut self.flights),
            inside: self.inside,
            ..Self::default()
        };
    }

    pub(super) fn sent(&mut self, flight: Flight) {
        self.flights.push_back(flight);
    }

    /// A BEGIN of the session's is sent, and not answered.
    pub(super) fn is_beginning(&self) -> bool {
        self.flights.iter().any(|flight| flight.begins)
    }

    /// The tag SET came, and what it set ends with the transaction.
    pub(super) fn is_local_set(&mut self) -> bool {
        let Some(flight) = self.flights.front_mut() else {
            return false;
        };
        let is_local = flight.local_sets > 0;
        flight.local_sets = flight.local_sets.saturating_sub(1);
        is_local
    }

    pub(super) fn first(&self) -> Option<End> {
        self.first
    }

    /// None: nothing ran behind the end.
    pub(super) fn behind(&self) -> Option<Behind> {
        let Fates {
            committed,
            rolled_back,
            open,
            loose,
        } = self.behind;
        let rolled_back = rolled_back || open;
        let committed = committed || loose;
        (committed || rolled_back).then_some(Behind {
            committed,
            rolled_back,
        })
    }

    pub(super) fn completed(&mut self, tag: &[u8]) {
        match tag {
            b"COMMIT" => {
                let chain = matches!(self.control(), Some(Control::End { chain: true }));
                self.end(End::Commit, chain);
            }
            // What was prepared for a commit in two phases is not committed.
            b"ROLLBACK" | b"PREPARE TRANSACTION" => match self.control() {
                Some(Control::End { chain }) => self.end(End::Rollback, chain),
                Some(Control::ToSavepoint) => {}
                None => self.unsure = true,
            },
            b"BEGIN" | b"START TRANSACTION" => {
                if std::mem::take(&mut self.unsure) {
                    self.end(End::Rollback, false);
                }
                self.inside = true;
            }
            _ if self.first.is_some() && !IDLE.contains(&tag) => {
                if self.inside {
                    self.behind.open = true;
                } else {
                    self.behind.loose = true;
                }
            }
            _ => {}
        }
    }

    pub(super) fn failed(&mut self) {
        if self.first.is_some() {
            self.behind.rolled_back = true;
            self.behind.loose = false;
        }
    }

    pub(super) fn ready(&mut self, inside: bool) {
        self.flights.pop_front();
        if std::mem::take(&mut self.unsure) && (!inside || self.may_chain) {
            self.end(End::Rollback, inside);
        }
        if self.inside && !inside {
            // Without a tag of its own the end was an error's doing.
            self.end(End::Rollback, false);
        }
        self.inside = inside;
        self.behind.committed |= std::mem::take(&mut self.behind.loose);
    }

    /// The next statement of the text that is answered, of those that end a transaction.
    fn control(&mut self) -> Option<Control> {
        self.flights.front_mut()?.controls.as_mut()?.pop_front()
    }

    fn end(&mut self, end: End, chain: bool) {
        let was_inside = std::mem::replace(&mut self.inside, chain);
        if self.first.is_none() {
            // Outside of a transaction it is nothing but a warning.
            self.first = was_inside.then_some(end);
            return;
        }
        let open = std::mem::take(&mut self.behind.open);
        let loose = std::mem::take(&mut self.behind.loose);
        match end {
            End::Commit => self.behind.committed |= open || loose,
            End::Rollback => self.behind.rolled_back |= open || loose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::control;
    use super::*;

    /// The end of a transaction, and what is behind it, of a text that was answered with these tags.
    fn told(text: &str, tags: &[&str], status: u8) -> (Option<End>, Option<(bool, bool)>) {
        let mut ends = Ends::default();
        ends.sent(Flight::default());
        ends.completed(b"BEGIN");
        ends.ready(true);
        ends.sent(Flight {
            controls: Some(control::read(text.as_bytes()).into()),
            ..Flight::default()
        });
        for tag in tags {
            match *tag {
                "error" => ends.failed(),
                tag => ends.completed(tag.as_bytes()),
            }
        }
        ends.ready(status != b'I');
        let behind = ends.behind();
        let behind = behind.map(|behind| (behind.committed, behind.rolled_back));
        (ends.first(), behind)
    }

    #[test]
    fn the_first_end_decides() {
        let rollback = Some(End::Rollback);
        let commit = Some(End::Commit);
        let text = "ROLLBACK; COMMIT";
        assert_eq!(told(text, &["ROLLBACK", "COMMIT"], b'I'), (rollback, None));
        let text = "ROLLBACK; BEGIN; SELECT 1; COMMIT";
        let tags = ["ROLLBACK", "BEGIN", "SELECT 1", "COMMIT"];
        assert_eq!(told(text, &tags, b'I'), (rollback, Some((true, false))));
        let text = "COMMIT; ROLLBACK";
        assert_eq!(told(text, &["COMMIT", "ROLLBACK"], b'I'), (commit, None));
        let text = "ROLLBACK AND CHAIN";
        assert_eq!(told(text, &["ROLLBACK"], b'T'), (rollback, None));
        let text = "ROLLBACK TO a; ROLLBACK TO b";
        assert_eq!(told(text, &["ROLLBACK", "ROLLBACK"], b'T'), (None, None));
        assert_eq!(told("SELECT 1/0", &["error"], b'I'), (rollback, None));
    }

    #[test]
    fn what_runs_behind_the_end_has_a_fate_of_its_own() {
        let commit = Some(End::Commit);
        let tags = ["COMMIT", "BEGIN", "INSERT 0 1"];
        let text = "COMMIT; BEGIN; INSERT";
        assert_eq!(told(text, &tags, b'T'), (commit, Some((false, true))));
        let text = "COMMIT AND CHAIN; INSERT";
        let tags = ["COMMIT", "INSERT 0 1"];
        assert_eq!(told(text, &tags, b'T'), (commit, Some((false, true))));
        let text = "COMMIT; INSERT";
        assert_eq!(told(text, &tags, b'I'), (commit, Some((true, false))));
        let tags = ["COMMIT", "INSERT 0 1", "error"];
        assert_eq!(told(text, &tags, b'I'), (commit, Some((false, true))));
        let text = "COMMIT; BEGIN; INSERT; ROLLBACK";
        let tags = ["COMMIT", "BEGIN", "INSERT 0 1", "ROLLBACK"];
        assert_eq!(told(text, &tags, b'I'), (commit, Some((false, true))));
    }
}
