//! How the body, rather than the session, ended the session's transaction.

use super::protocol::state::Standing;
use super::protocol::transaction_end::TransactionEnd;
use crate::driver::Watched;
use crate::error::{CommittedPart, PartlyCommitted};

/// Without protocol state: what the driver knows about the transaction's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unseen {
    /// It is open.
    #[default]
    Open,
    /// A transaction is open, but possibly not the one that the session began.
    InDoubt {
        /// The last mark that the session set before the SQL in doubt.
        mark: u64,
        /// The SQL in doubt is ROLLBACK alone.
        rolls_back: bool,
    },
    /// The body ended it.
    Ended {
        /// By ROLLBACK alone.
        rolled_back: bool,
    },
}

/// How the body ended the transaction; `None` if it did not.
pub(super) fn end_by_body(standing: &Standing) -> Option<Watched> {
    let before = match standing.first? {
        TransactionEnd::Commit => true,
        TransactionEnd::Rollback => false,
        TransactionEnd::Unseen => return Some(Watched::Parted(PartlyCommitted::EndedUnseen)),
    };
    let behind = standing.behind;
    let part = behind.and_then(|behind| CommittedPart::of(before, behind));
    Some(match part {
        Some(part) => Watched::Parted(PartlyCommitted::EndedByBody(part)),
        None => Watched::Ended {
            committed: before,
            error: None,
        },
    })
}

/// [`end_by_body`] without protocol state.
pub(super) fn end_unseen(unseen: Unseen) -> Option<Watched> {
    match unseen {
        Unseen::Open | Unseen::InDoubt { .. } => None,
        Unseen::Ended { rolled_back: true } => Some(Watched::Ended {
            committed: false,
            error: None,
        }),
        Unseen::Ended { rolled_back: false } => Some(Watched::Parted(PartlyCommitted::EndedUnseen)),
    }
}
