//! COMMIT, and what the server made of it.

use super::connection::Own;
use super::protocol::error_code;
use crate::driver::{CommitReply, Watched};

impl Own {
    pub(super) async fn commit(&mut self) -> CommitReply {
        if let Err(dropped) = self.check() {
            return CommitReply::NotSent(dropped);
        }
        if let Err(lost) = self.ready().await {
            // COMMIT was never sent, so the server has nothing to keep.
            return CommitReply::NotSent(lost);
        }
        // What rows that were left unread have told.
        match self.channel.state.watch() {
            Watched::Parted(parts) => return CommitReply::Parted(parts),
            Watched::Ended {
                committed: false,
                error,
            } => return CommitReply::RolledBack(error),
            _ => {}
        }
        if let Some(lost) = self.channel.look() {
            return CommitReply::NotSent(lost);
        }
        self.committing = true;
        self.channel.state.count(1, 0);
        let answer = self.channel.run("COMMIT").await;
        self.committing = false;
        match answer {
            Ok(()) => CommitReply::Committed,
            Err(error) if error.is_connection() => CommitReply::Unknown(error),
            Err(error) if error.code.is_some_and(error_code::leaves_commit_unknown) => {
                CommitReply::Unknown(error)
            }
            Err(error) => CommitReply::Refused(error),
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
