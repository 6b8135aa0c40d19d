//! Only a part of the work was committed.

use std::fmt;

use super::StatementError;

/// Some of the work was committed, but not by the session's own COMMIT. The rest was not committed, or
/// may not have been. Look for the work's effect before doing it again; `retry` does not repeat it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PartlyCommitted {
    /// Only BEGIN failed (for instance by `statement_timeout` on a stalled server), and the statement that
    /// was sent with it ran without a transaction. The statement's changes are committed, unless the
    /// statement failed too and its answer was lost.
    #[error(
        "BEGIN failed ({0}), and the statement behind it ran without a transaction: what it changed is committed, \
         unless it failed too; look for its effect before doing it again"
    )]
    NotBegun(#[source] StatementError),
    /// A statement in the body ended the transaction (a raw `COMMIT` or `ROLLBACK`). Later
    /// statements, in the same SQL text or on the raw connection, ran outside the transaction.
    #[error(
        "the body ended its transaction with raw SQL: {0}; use db.commit() or db.rollback() in place of raw SQL"
    )]
    EndedByBody(CommittedPart),
    /// The body's SQL (a text of several statements, a procedure, the raw connection) ended the transaction,
    /// and the outcome is unknown: the database reveals only that the open transaction is not the one that
    /// the session began.
    #[error(
        "SQL that the body ran ended the transaction, and whether the work was committed or rolled back is unknown; \
         look for its effect before doing it again, and call db.commit() or db.rollback() instead of raw SQL"
    )]
    EndedUnseen,
}

/// The part of the work that was committed, when a statement in the body had ended the session's
/// transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommittedPart {
    /// The work before that statement. Later work, if there was any, is rolled back.
    Before,
    /// The work before that statement, and all later work.
    BeforeAndBehind,
    /// The work before that statement, and some of the later work.
    BeforeAndSomeBehind,
    /// All work after that statement. The work before it is rolled back.
    Behind,
    /// Some of the work after that statement. The work before it is rolled back.
    SomeBehind,
}

impl CommittedPart {
    /// Returns the committed part, or `None` if all work is rolled back.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn of(before: bool, behind: AfterEnd) -> Option<Self> {
        Some(match (before, behind.committed, behind.rolled_back) {
            (true, false, _) => Self::Before,
            (true, true, false) => Self::BeforeAndBehind,
            (true, true, true) => Self::BeforeAndSomeBehind,
            (false, true, false) => Self::Behind,
            (false, true, true) => Self::SomeBehind,
            (false, false, _) => return None,
        })
    }

    /// Returns the committed part if the body had also run an earlier COMMIT: then some earlier work is committed.
    pub(crate) fn behind_a_commit(self) -> Self {
        match self {
            Self::Behind | Self::SomeBehind => Self::BeforeAndSomeBehind,
            before => before,
        }
    }
}

impl fmt::Display for CommittedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "what came before it was committed, and nothing behind it was",
            Self::BeforeAndBehind => {
                "what came before it was committed, and so was what came behind it"
            }
            Self::BeforeAndSomeBehind => {
                "what came before it was committed, and what came behind it was committed in part"
            }
            Self::Behind => {
                "what came before it was rolled back, and what came behind it was committed"
            }
            Self::SomeBehind => {
                "what came before it was rolled back, and what came behind it was committed in part"
            }
        })
    }
}

/// The outcomes of the statements that ran after the transaction's end.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AfterEnd {
    pub(crate) committed: bool,
    pub(crate) rolled_back: bool,
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_only_where_something_is_committed() {
        let part = |before, committed, rolled_back| {
            let behind = AfterEnd {
                committed,
                rolled_back,
            };
            CommittedPart::of(before, behind)
        };
        for rolled_back in [false, true] {
            assert_eq!(part(true, false, rolled_back), Some(CommittedPart::Before));
            assert_eq!(part(false, false, rolled_back), None);
        }
        assert_eq!(
            part(true, true, false),
            Some(CommittedPart::BeforeAndBehind)
        );
        assert_eq!(
            part(true, true, true),
            Some(CommittedPart::BeforeAndSomeBehind)
        );
        assert_eq!(part(false, true, false), Some(CommittedPart::Behind));
        assert_eq!(part(false, true, true), Some(CommittedPart::SomeBehind));
    }
}
