//! How SQLite ended a transaction.

/// How SQLite ended a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionEnd {
    /// By the session's COMMIT, for example one whose caller was dropped.
    Committed,
    /// By a failed statement, or by the session's ROLLBACK.
    RolledBack,
    /// By SQL of the body; the outcome is unknown.
    Unseen,
}
