//! COMMIT and ROLLBACK, and what the server made of them.

use std::time::{Duration, Instant};

use super::work::Ending;
use super::{Session, recovery};
use crate::driver::{CommitReply, Driver, Running};
use crate::error::{AbortReason, Aborted, CommitError, SessionError};
use crate::factory::SessionFactory;

/// For a rollback in the caller's path.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

impl<F: SessionFactory> Session<F> {
    /// Commits, or rolls back and says why.
    pub(super) async fn end_by_commit(&mut self) -> Result<(), SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        let watched = F::Driver::watch(lease.link());
        if let Some(reason) = self.work.verdict(watched) {
            return Err(self.give_up(reason).await);
        }
        if !self.work.is_begun() {
            self.work.ended();
            return Ok(());
        }
        if self.work.must_flush() {
            // A savepoint that was abandoned has to be rolled back first.
            if let Err(error) = self.flush().await {
                let reason = match error {
                    SessionError::Query(error) => AbortReason::Statement((&error).into()),
                    _ => AbortReason::EndedByBody,
                };
                return Err(self.give_up(reason).await);
            }
        }
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        let line = self
            .work
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "COMMIT".into()));
        self.work.set_ending(Some(Ending::Commit));
        lease.committing();
        let reply = F::Driver::commit(lease.link()).await;
        self.work.set_ending(None);
        if let Some(line) = line {
            line.finish(match &reply {
                CommitReply::Committed => "committed",
                CommitReply::RolledBack(_) => "rolled back by the server",
                CommitReply::Refused(_) => "refused",
                CommitReply::Unknown(_) => "unknown: the connection was lost",
            });
        }
        match reply {
            CommitReply::Committed => {
                lease.committed(self.work.is_read_only());
                self.work.committed();
                Ok(())
            }
            CommitReply::RolledBack(error) => {
                let reason = self.work.because(error);
                Err(self.give_up(reason).await)
            }
            CommitReply::Refused(error) => {
                // Some servers leave the transaction open after that.
                let _refused_already = self.end_by_rollback().await;
                Err(CommitError(self.work.counted_statement(error)).into())
            }
            CommitReply::Unknown(error) => {
                lease.in_doubt();
                F::Driver::condemn(lease.link());
                self.work.ended();
                Err(SessionError::CommitUnknown(error))
            }
        }
    }

    async fn give_up(&mut self, reason: AbortReason) -> SessionError {
        // If that fails the connection is closed, which rolls back as well.
        let _closed_instead = self.end_by_rollback().await;
        Aborted::new(reason).into()
    }

    /// Rolls back what was begun.
    pub(super) async fn end_by_rollback(&mut self) -> Result<(), SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        if !self.work.is_begun() {
            self.work.ended();
            return Ok(());
        }
        let line = self
            .work
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "ROLLBACK".into()));
        let running = self.work.running();
        self.work.set_ending(Some(Ending::Rollback));
        let link = lease.link();
        let rolled_back = match running {
            // Boxed: it is seldom in the caller's path.
            Running::Nothing if !self.work.is_raw() => Box::pin(F::Driver::rollback(link)).await,
            running => {
                let deadline = Instant::now() + ROLLBACK_LIMIT;
                if recovery::recover::<F::Driver>(link, running, deadline).await {
                    Ok(())
                } else {
                    Err(crate::error::StatementError::connection(
                        "the server did not give up the running statement in time",
                    ))
                }
            }
        };
        self.work.set_ending(None);
        self.work.ended();
        if let Some(line) = line {
            line.finish(if rolled_back.is_ok() {
                "rolled back"
            } else {
                "failed"
            });
        }
        rolled_back.map_err(|error| {
            F::Driver::condemn(lease.link());
            SessionError::Rollback(error)
        })
    }

    /// Gives the connection back.
    pub(super) fn release(&mut self) {
        recovery::hand_over(self.lease.take(), &mut self.work, &mut self.hooks);
    }
}
