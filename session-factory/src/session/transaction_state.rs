//! What diesel-async keeps for a transaction manager.

use diesel::connection::TransactionManagerStatus;

/// What diesel-async keeps for a manager. The session knows better, and writes it down for those who ask.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct TransactionState {
    pub(super) status: TransactionManagerStatus,
}
