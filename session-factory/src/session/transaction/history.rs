//! What outlives a session's transactions: what was committed, what was lost, and whether the call reports it.

use crate::driver::TransactionStatus;
use crate::error::{
    AbortReason, Aborted, CommitError, PartlyCommitted, SessionError, StatementError,
};

/// What a session did before its current transaction.
#[derive(Debug, Default)]
pub(in crate::session) struct History {
    commits: Commits,
    /// Set if the body's `commit()` has failed: a later `Ok` from the body would be false.
    lost: Option<Box<Loss>>,
    /// True if the call's result, or the caller itself, says what became of the work. If not (the body's `Err`, a
    /// panic, a dropped call), the recovery reports what the body's SQL committed.
    answered_for: bool,
    /// True if the server refused to write although the caller had not asked for a read-only transaction.
    met_read_only: bool,
}

/// The commits of a session.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Commits {
    #[default]
    None,
    /// A transaction, or a part of one, was committed.
    Some,
    /// Like `Some`, and the body's SQL, not the session, committed a whole transaction.
    ByBody,
}

const COMMITTED_BY_BODY: &str = "yet not all of its work is rolled back: a statement of the body committed the \
     transaction by itself, and what came before it is kept; call db.commit() where that is meant";

impl History {
    /// Records that a transaction, or a part of one, was committed.
    pub(in crate::session) fn committed(&mut self) {
        if self.commits == Commits::None {
            self.commits = Commits::Some;
        }
    }

    pub(in crate::session) fn committed_by_body(&mut self) {
        self.commits = Commits::ByBody;
    }

    pub(in crate::session) fn has_committed(&self) -> bool {
        self.commits != Commits::None
    }

    pub(in crate::session) fn is_committed_by_body(&self) -> bool {
        self.commits == Commits::ByBody
    }

    /// Records that the body's own attempt to end the transaction failed with `error`.
    pub(in crate::session) fn lose(&mut self, error: &SessionError) {
        self.lost = Loss::of(error).map(Box::new);
    }

    pub(in crate::session) fn forget_loss(&mut self) {
        self.lost = None;
    }

    /// Returns the error that replaces the body's `Ok`.
    pub(in crate::session) fn loss(&self) -> Option<SessionError> {
        self.lost.as_deref().map(Loss::error)
    }

    pub(in crate::session) fn answer_for(&mut self) {
        self.answered_for = true;
    }

    pub(in crate::session) fn is_answered_for(&self) -> bool {
        self.answered_for
    }

    pub(in crate::session) fn meet_read_only(&mut self) {
        self.met_read_only = true;
    }

    pub(in crate::session) fn met_read_only(&self) -> bool {
        self.met_read_only
    }

    /// Describes the work that the body's SQL has committed or may have committed.
    pub(in crate::session) fn kept_by_body(&self) -> Option<String> {
        match self.lost.as_deref() {
            Some(Loss::Partly(parts)) => Some(kept(parts)),
            _ => self
                .is_committed_by_body()
                .then(|| COMMITTED_BY_BODY.to_owned()),
        }
    }
}

/// Like `kept_by_body`, from what the driver knows about the session's open transaction.
pub(in crate::session) fn kept_of(watched: &TransactionStatus) -> Option<String> {
    match watched {
        TransactionStatus::Parted(parts) => Some(kept(parts)),
        TransactionStatus::Ended {
            committed: true, ..
        } => Some(COMMITTED_BY_BODY.to_owned()),
        _ => None,
    }
}

/// Describes what stays committed, as far as it is known.
fn kept(parts: &PartlyCommitted) -> String {
    let claim = match parts {
        PartlyCommitted::EndedUnseen => "a part of its work may be committed",
        _ => "yet not all of its work is rolled back",
    };
    format!("{claim}: {parts}")
}

/// What is lost or may be lost.
#[derive(Debug, Clone)]
enum Loss {
    Aborted(AbortReason),
    Commit(CommitError),
    Unknown(StatementError),
    Partly(PartlyCommitted),
}

impl Loss {
    fn of(error: &SessionError) -> Option<Self> {
        match error {
            SessionError::Aborted(aborted) => Some(Self::Aborted(aborted.reason().clone())),
            SessionError::Commit(refused) => Some(Self::Commit(refused.clone())),
            SessionError::CommitUnknown(cause) => Some(Self::Unknown(cause.clone())),
            SessionError::PartlyCommitted(parts) => Some(Self::Partly(parts.clone())),
            _ => None,
        }
    }

    /// Returns the same error once more.
    fn error(&self) -> SessionError {
        match self {
            Self::Aborted(reason) => Aborted::new(reason.clone()).into(),
            Self::Commit(error) => error.clone().into(),
            Self::Unknown(error) => SessionError::CommitUnknown(error.clone()),
            Self::Partly(parts) => parts.clone().into(),
        }
    }
}
