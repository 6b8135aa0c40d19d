//! Only a part of the work was committed.

use std::fmt;

use super::StatementError;

/// Some of the work was committed outside of the session's own commit, and some of it was not, or may not have
/// been. Look for its effect before doing it again; `retry` does not repeat it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PartlyCommitted {
    /// BEGIN failed by itself (a `statement_timeout` on a server that stalled), and the statement that travelled
    /// behind it ran without a transaction: what it changed is committed, unless its answer was lost and it failed too.
    #[error(
        "BEGIN failed ({0}), and the statement behind it ran without a transaction: what it changed is committed, \
         unless it failed too; look for its effect before doing it again"
    )]
    NotBegun(#[source] StatementError),
    /// A statement in the body ended the transaction (a raw `COMMIT` or `ROLLBACK`). Statements behind that end, in the
    /// same text or on the raw connection, ran outside the transaction.
    #[error(
        "the body ended its transaction with raw SQL: {0}; use db.commit() or db.rollback() in place of raw SQL"
    )]
    EndedByBody(CommittedPart),
    /// SQL that the body ran (in a text, in a procedure, on the raw connection) ended the transaction, and the session
    /// cannot tell what became of the work: the database says only that the transaction is not the one that the session
    /// began.
    #[error(
        "SQL that the body ran ended the transaction, and whether the work was committed or rolled back is unknown; \
         look for its effect before doing it again, and call db.commit() or db.rollback() instead of raw SQL"
    )]
    EndedUnseen,
}

/// Which part of the work was committed after a statement in the body ended the session's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommittedPart {
    /// What came before that end. What ran behind it, if anything did, is rolled back.
    Before,
    /// What came before that end, and all that ran behind it.
    BeforeAndBehind,
    /// What came before that end, and some of what ran behind it.
    BeforeAndSomeBehind,
    /// All that ran behind that end. What came before it is rolled back.
    Behind,
    /// Some of what ran behind that end. What came before it is rolled back.
    SomeBehind,
}

impl CommittedPart {
    /// None: all of it is rolled back.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn of(before: bool, behind: Behind) -> Option<Self> {
        Some(match (before, behind.committed, behind.rolled_back) {
            (true, false, _) => Self::Before,
            (true, true, false) => Self::BeforeAndBehind,
            (true, true, true) => Self::BeforeAndSomeBehind,
            (false, true, false) => Self::Behind,
            (false, true, true) => Self::SomeBehind,
            (false, false, _) => return None,
        })
    }

    /// The same, after an earlier COMMIT by the body.
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

/// How the statements behind the end ended themselves.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) committed: bool,
    pub(crate) rolled_back: bool,
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_only_where_something_is_committed() {
        let part = |before, committed, rolled_back| {
            let behind = Behind {
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
