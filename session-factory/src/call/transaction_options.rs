//! How a transaction begins.

use super::Isolation;

/// How a transaction begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[doc(hidden)]
#[non_exhaustive]
pub struct TransactionOptions {
    /// The isolation level; `None` for the server's default.
    pub isolation: Option<Isolation>,
    /// READ ONLY.
    pub read_only: bool,
    /// DEFERRABLE.
    pub deferrable: bool,
    /// IMMEDIATE.
    pub immediate: bool,
}

impl TransactionOptions {
    /// All options at the server's defaults.
    pub(crate) const fn new() -> Self {
        Self {
            isolation: None,
            read_only: false,
            deferrable: false,
            immediate: false,
        }
    }
}
