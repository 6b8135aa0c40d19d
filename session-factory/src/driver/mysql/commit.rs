//! COMMIT, and its outcome.

use super::connection::Own;
use super::protocol::error_code;
use crate::driver::{CommitOutcome, TransactionStatus};

impl Own {
    pub(super) async fn commit(&mut self) -> CommitOutcome {
        if let Err(dropped) = self.check() {
            return CommitOutcome::NotSent(dropped);
        }
        if let Err(lost) = self.ready().await {
            // COMMIT was never sent, so the server has nothing to keep.
            return CommitOutcome::NotSent(lost);
        }
        // Rows that were left unread may have shown, when read, that the transaction ended.
        match self.channel.state.watch() {
            TransactionStatus::Parted(parts) => return CommitOutcome::Parted(parts),
            TransactionStatus::Ended {
                committed: false,
                error,
            } => return CommitOutcome::RolledBack(error),
            _ => {}
        }
        if let Some(lost) = self.channel.look() {
            return CommitOutcome::NotSent(lost);
        }
        self.committing = true;
        self.channel.state.count(1, 0);
        let answer = self.channel.run("COMMIT").await;
        self.committing = false;
        match answer {
            Ok(()) => CommitOutcome::Committed,
            Err(error) if error.is_connection() => CommitOutcome::Unknown(error),
            Err(error) if error.code.is_some_and(error_code::leaves_commit_unknown) => {
                CommitOutcome::Unknown(error)
            }
            Err(error) => CommitOutcome::Refused(error),
        }
    }

    /// Reads the answer to a COMMIT whose future was dropped.
    pub(super) async fn finish_commit(&mut self) {
        let answer = self.channel.finish().await;
        match answer {
            Ok(_) => self.channel.state.committed(true),
            Err(error) if error.is_connection() => return,
            Err(error) if error.code.is_some_and(error_code::leaves_commit_unknown) => {}
            Err(_) => self.channel.state.committed(false),
        }
        self.committing = false;
    }
}
