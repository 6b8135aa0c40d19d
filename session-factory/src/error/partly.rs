//! A part of the work was committed, and not all of it.

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
    /// A statement of the body ended the transaction (a raw `COMMIT` or `ROLLBACK`), and others ran behind that end
    /// and outside of it, in the same text or on the raw connection.
    #[error(
        "a statement of the body ended the transaction by itself, and others ran behind that end: what came before \
         it was {}, and what came behind it was {}; use db.commit() or db.rollback() instead of raw SQL",
        kept(*.before), behind(*.committed, *.rolled_back)
    )]
    #[non_exhaustive]
    EndedByBody {
        /// The session's own transaction was committed.
        before: bool,
        /// Something that ran behind its end was committed.
        committed: bool,
        /// Something that ran behind its end was rolled back.
        rolled_back: bool,
    },
    /// SQL that the body ran (in a text, in a procedure, on the raw connection) ended the transaction, and the session
    /// cannot tell what became of the work: the database says only that the transaction is not the one that the session
    /// began.
    #[error(
        "SQL that the body ran ended the transaction, and whether the work was committed or rolled back is unknown; \
         look for its effect before doing it again, and call db.commit() or db.rollback() instead of raw SQL"
    )]
    EndedUnseen,
}

fn kept(committed: bool) -> &'static str {
    if committed {
        "committed"
    } else {
        "rolled back"
    }
}

fn behind(committed: bool, rolled_back: bool) -> &'static str {
    match (committed, rolled_back) {
        (true, true) => "committed in part",
        (committed, _) => kept(committed),
    }
}
