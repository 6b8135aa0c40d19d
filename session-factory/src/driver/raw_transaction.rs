//! diesel's transaction depth on a raw connection. Level 1 is the session's; the body begins and ends the deeper ones.

use std::num::NonZeroU32;

use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};

/// Enters the session's open transaction, so that the body's `transaction()` makes a savepoint.
pub(crate) fn enter(status: &mut TransactionManagerStatus) -> QueryResult<()> {
    *status = TransactionManagerStatus::default();
    status
        .transaction_state()?
        .change_transaction_depth(TransactionDepthChange::IncreaseDepth)
}

/// True if the body began a transaction and did not end it.
pub(crate) fn is_unbalanced(status: &TransactionManagerStatus) -> bool {
    let depth = status.transaction_depth().ok().flatten();
    depth.is_some_and(|depth| depth > NonZeroU32::MIN)
}
