//! diesel's count of the transactions on a raw connection: 1 is the session's, the body begins and ends the others.

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

/// True if the body has begun a transaction, and not ended it.
pub(crate) fn is_unbalanced(status: &TransactionManagerStatus) -> bool {
    let depth = status.transaction_depth().ok().flatten();
    depth.is_some_and(|depth| depth > NonZeroU32::MIN)
}
