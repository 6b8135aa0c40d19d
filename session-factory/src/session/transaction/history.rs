//! The body's own `commit()` failed: a later `Ok` from the body would be false.

use crate::error::{
    AbortReason, Aborted, CommitError, PartlyCommitted, SessionError, StatementError,
};

/// What is lost or may be lost. It outlives the transaction.
#[derive(Debug, Clone)]
pub(in crate::session) enum Loss {
    Aborted(AbortReason),
    Commit(CommitError),
    Unknown(StatementError),
    Partly(PartlyCommitted),
}

impl Loss {
    pub(in crate::session) fn of(error: &SessionError) -> Option<Self> {
        match error {
            SessionError::Aborted(aborted) => Some(Self::Aborted(aborted.reason().clone())),
            SessionError::Commit(refused) => Some(Self::Commit(refused.clone())),
            SessionError::CommitUnknown(cause) => Some(Self::Unknown(cause.clone())),
            SessionError::PartlyCommitted(parts) => Some(Self::Partly(parts.clone())),
            _ => None,
        }
    }

    /// The same error once more.
    pub(in crate::session) fn error(&self) -> SessionError {
        match self {
            Self::Aborted(reason) => Aborted::new(reason.clone()).into(),
            Self::Commit(error) => error.clone().into(),
            Self::Unknown(error) => SessionError::CommitUnknown(error.clone()),
            Self::Partly(parts) => parts.clone().into(),
        }
    }
}
