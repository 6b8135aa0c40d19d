//! How a transaction ended on the server.

/// How the server ended a transaction, as far as the driver saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Committed,
    RolledBack,
    /// It ended, and whether it was committed is unknown; or PREPARE TRANSACTION ended it.
    Unseen,
}
