//! How a transaction ended on the server.

/// How the server ended a transaction, as far as the driver saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Committed,
    RolledBack,
    /// PREPARE TRANSACTION ended it, or whether it was committed is unknown.
    Unseen,
}
