//! How a transaction ended.

use super::SessionError;

/// Whether a transaction's work was kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TransactionOutcome {
    Committed,
    RolledBack,
    Unknown,
}

impl TransactionOutcome {
    pub(crate) fn of<T>(committed: &Result<T, SessionError>) -> Self {
        match committed {
            Ok(_) => Self::Committed,
            // Unknown also if partly committed: a hook for commit or for rollback could act on the wrong part.
            Err(SessionError::CommitUnknown(_) | SessionError::PartlyCommitted(_)) => Self::Unknown,
            Err(_) => Self::RolledBack,
        }
    }
}
