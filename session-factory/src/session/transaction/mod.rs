//! The state of a session's transaction.

pub(super) mod history;
pub(super) mod savepoints;
