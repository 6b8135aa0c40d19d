//! The state that diesel-async stores for a transaction manager.

use diesel::connection::TransactionManagerStatus;

/// The state that diesel-async stores for a manager. The session fills it from its own state when diesel asks.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct TransactionState {
    pub(super) status: TransactionManagerStatus,
}
