//! The auditor's observations.

/// A database's state, as an independent connection sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scene {
    /// The number of the subject's connections.
    pub(crate) connections: u32,
    /// The statements that these connections run.
    pub(crate) running: Vec<String>,
    /// The number of these connections that have an open transaction.
    pub(crate) in_transaction: u32,
    /// The number of locks that are held or waited for.
    pub(crate) locks: u32,
    /// The case's rows.
    pub(crate) rows: Vec<Found>,
}

/// The rows of one unit that have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) unit: i32,
    pub(crate) item: i32,
    pub(crate) count: i64,
}

impl Scene {
    /// True if no work is in progress.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty() && self.in_transaction == 0 && self.locks == 0
    }
}
