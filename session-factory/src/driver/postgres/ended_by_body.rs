//! How something else than the session ended its transaction.

use super::protocol::state::Standing;
use super::protocol::transaction_end::TransactionEnd;
use crate::driver::Watched;
use crate::error::{CommittedPart, PartlyCommitted};

/// Without a view of the protocol: what is known of the transaction's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unseen {
    /// It is open.
    #[default]
    Open,
    /// It may not be the one that the session began.
    InDoubt {
        /// The last mark that the session has set in that.
        mark: u64,
        /// The text in doubt is ROLLBACK alone.
        rolls_back: bool,
    },
    /// Something else than the session ended it.
    Ended {
        /// And it was a ROLLBACK alone.
        rolled_back: bool,
    },
}

/// How the transaction ended that something else than the session ended.
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

/// The same without a view of the protocol.
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
