//! How the session's own transaction ended that its body ended by itself, and what ran behind that end.

use super::script::Kind;
use crate::error::PartlyCommitted;

/// Fed with every statement that succeeded.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The first end is the session's own transaction's: by COMMIT or not.
    own: Option<bool>,
    /// A transaction that was begun behind it.
    other: Option<Other>,
    /// Of what ran behind it.
    committed: bool,
    rolled_back: bool,
}

#[derive(Debug, Default)]
struct Other {
    /// Begun by SAVEPOINT: RELEASE of that one commits.
    savepoint: Option<String>,
    has_worked: bool,
}

impl Ends {
    pub(super) fn own(&self) -> Option<bool> {
        self.own
    }

    pub(super) fn set_own(&mut self, committed: bool) {
        self.own.get_or_insert(committed);
    }

    pub(super) fn ran(&mut self, kind: &Kind) {
        match kind {
            Kind::Commit if self.own.is_none() => self.own = Some(true),
            Kind::Rollback if self.own.is_none() => self.own = Some(false),
            _ if self.own.is_none() => {}
            Kind::Commit => self.close(true),
            Kind::Rollback => self.close(false),
            Kind::Begin => drop(self.other.get_or_insert_default()),
            Kind::Savepoint(name) => {
                self.other.get_or_insert_with(|| Other {
                    savepoint: Some(name.clone()),
                    has_worked: false,
                });
            }
            Kind::Release(name) => {
                let began = |other: &Other| other.savepoint.as_ref() == Some(name);
                if self.other.as_ref().is_some_and(began) {
                    self.close(true);
                }
            }
            Kind::Work => match &mut self.other {
                Some(other) => other.has_worked = true,
                None => self.committed = true,
            },
            Kind::Look => {}
        }
    }

    /// What the database says behind that: some errors roll a transaction back.
    pub(super) fn found(&mut self, in_transaction: bool) {
        match (self.own, in_transaction) {
            (None, false) => self.own = Some(false),
            (Some(_), true) => drop(self.other.get_or_insert_default()),
            (Some(_), false) => self.close(false),
            (None, true) => {}
        }
    }

    /// The transaction is not the one that was begun, and no statement that was seen has ended that.
    pub(super) fn lost(&mut self, in_transaction: bool) {
        self.set_own(false);
        self.found(in_transaction);
    }

    fn close(&mut self, committed: bool) {
        if self.other.take().is_some_and(|other| other.has_worked) {
            self.committed |= committed;
            self.rolled_back |= !committed;
        }
    }

    /// Something ran behind the end. What is still open there will be rolled back.
    pub(super) fn parted(&self) -> Option<PartlyCommitted> {
        let before = self.own?;
        let open = self.other.as_ref().is_some_and(|other| other.has_worked);
        let rolled_back = self.rolled_back || open;
        (self.committed || rolled_back).then_some(PartlyCommitted::EndedByBody {
            before,
            committed: self.committed,
            rolled_back,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    fn after(sql: &str, in_transaction: bool) -> (Option<bool>, Option<(bool, bool)>) {
        let mut ends = Ends::default();
        for statement in script::statements(sql) {
            ends.ran(&statement.kind);
        }
        ends.found(in_transaction);
        let behind = ends.parted().map(|parted| match parted {
            PartlyCommitted::EndedByBody {
                committed,
                rolled_back,
                ..
            } => (committed, rolled_back),
            _ => (false, false),
        });
        (ends.own(), behind)
    }

    #[test]
    fn the_first_end_is_the_sessions_own_and_the_rest_is_told_apart() {
        for (sql, open, own, behind) in [
            ("INSERT INTO a VALUES (1)", true, None, None),
            ("COMMIT", false, Some(true), None),
            ("COMMIT; BEGIN; SELECT 1", true, Some(true), None),
            (
                "ROLLBACK; BEGIN; SELECT 1; COMMIT",
                false,
                Some(false),
                None,
            ),
            (
                "COMMIT; BEGIN; DELETE FROM a",
                true,
                Some(true),
                Some((false, true)),
            ),
            (
                "COMMIT; BEGIN; DELETE FROM a; ROLLBACK",
                false,
                Some(true),
                Some((false, true)),
            ),
            (
                "ROLLBACK; DELETE FROM a",
                false,
                Some(false),
                Some((true, false)),
            ),
            (
                "END; SAVEPOINT a; DELETE FROM a; RELEASE \"a\"",
                false,
                Some(true),
                Some((true, false)),
            ),
            (
                "ROLLBACK; BEGIN; DELETE FROM a; END; BEGIN; DROP TABLE a",
                true,
                Some(false),
                Some((true, true)),
            ),
            (
                "INSERT OR ROLLBACK INTO a VALUES (1)",
                false,
                Some(false),
                None,
            ),
        ] {
            assert_eq!(after(sql, open), (own, behind), "{sql}");
        }
    }
}
