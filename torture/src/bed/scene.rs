//! What the auditor sees.

/// The state of a database, as a connection sees it that has no part in what is tested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scene {
    /// Connections of the subject.
    pub(crate) connections: u32,
    /// Of these, those that run a statement: what they run.
    pub(crate) running: Vec<String>,
    /// Of these, those with a transaction open.
    pub(crate) in_transaction: u32,
    /// Locks that are held or waited for.
    pub(crate) locks: u32,
    /// The rows of the case.
    pub(crate) rows: Vec<Found>,
}

/// Rows of one unit with one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) unit: i32,
    pub(crate) item: i32,
    pub(crate) count: i64,
}

impl Scene {
    /// Nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running.is_empty() && self.in_transaction == 0 && self.locks == 0
    }
}
