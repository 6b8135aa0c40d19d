//! How a transaction ended.

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransactionEnd {
    /// By a COMMIT of the session's, whose caller went away, say.
    Committed,
    /// By a statement that failed, or by a ROLLBACK of the session's.
    RolledBack,
    /// By the body, and nobody knows how.
    Unseen,
}
