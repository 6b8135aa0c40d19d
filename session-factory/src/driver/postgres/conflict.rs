//! Errors after which everything can be run again.

use diesel::result::{DatabaseErrorKind, Error};

use super::ledger::Ledger;
use crate::driver::as_conflict;

/// diesel has no kind for a deadlock, and drops its SQLSTATE.
pub(super) fn classified(error: Error, ledger: Option<&Ledger>) -> Error {
    let Error::DatabaseError(DatabaseErrorKind::Unknown, information) = &error else {
        return error;
    };
    let deadlock = match ledger.and_then(Ledger::last_error) {
        Some(said) => said.is_transient() && said.message == information.message(),
        // Of an application's pool only the text is left.
        None => ledger.is_none() && information.message() == "deadlock detected",
    };
    if deadlock { as_conflict(error) } else { error }
}
