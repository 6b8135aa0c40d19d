//! COMMIT, and how the server answered it.

use std::borrow::Cow;

use super::events::{EndStatement, ObservedEnd};
#[cfg(feature = "testing")]
use super::faults;
use super::{Session, recovery};
use crate::driver::{CommitOutcome, DriverConnection, TransactionStatus};
use crate::error::{AbortReason, CommitError, SessionError, StatementError};
use crate::factory::SessionFactory;
use crate::observe::SessionMonitor;
use crate::pool::Lease;

impl<F: SessionFactory> Session<F> {
    /// Returns what the driver knows about the transaction. In doubt, the driver asks the database first.
    pub(super) async fn look(&mut self) -> Result<TransactionStatus, SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        if self.state.is_raw() {
            Box::pin(lease.connection().leave_raw()).await;
        }
        let mut watched = lease.connection().watch();
        if matches!(watched, TransactionStatus::InDoubt) {
            // Boxed, because it is rare and would enlarge each caller's future.
            Box::pin(lease.connection().ask()).await;
            watched = lease.connection().watch();
        }
        lease.note_commit_of_body();
        Ok(watched)
    }

    /// Like `look`, without asking. Returns `None` if the driver has to ask, or the session has to do something first.
    fn glance(&mut self) -> Option<TransactionStatus> {
        let lease = self.lease.as_mut().filter(|_| !self.state.is_raw())?;
        if !self.state.is_begun() {
            // There is no transaction to look at.
            lease.note_commit_of_body();
            return Some(TransactionStatus::Open);
        }
        let watched = lease.connection().watch();
        if matches!(watched, TransactionStatus::InDoubt) {
            return None;
        }
        lease.note_commit_of_body();
        Some(watched)
    }

    /// Commits, or rolls back and returns why.
    pub(super) async fn end_by_commit(&mut self) -> Result<(), SessionError> {
        // Boxed, because it is rare and would enlarge each caller's future.
        let watched = match self.glance() {
            Some(watched) => watched,
            None => Box::pin(self.look()).await?,
        };
        if let Some(error) = self.state.verdict(&watched) {
            return Err(self.give_up(error).await);
        }
        if !self.state.is_begun() {
            self.state.ended();
            return Ok(());
        }
        if self.state.must_flush() {
            // A savepoint that was abandoned has to be rolled back first.
            if let Err(error) = Box::pin(self.send_prelude()).await {
                let error = match error {
                    SessionError::Query(error) => {
                        self.state.aborted(AbortReason::Statement((&error).into()))
                    }
                    SessionError::PartlyCommitted(parts) => parts.into(),
                    _ => self.state.aborted(AbortReason::EndedByBody),
                };
                return Err(self.give_up(error).await);
            }
        }
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        let line = self
            .state
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "COMMIT".into()));
        let observed = ObservedEnd::start(lease.connection(), &self.state, EndStatement::Commit);
        self.state.committing();
        lease.committing();
        let commit = self.state.monitor.as_ref().map(SessionMonitor::committing);
        #[cfg(feature = "testing")]
        let reply = Box::pin(faults::commit(self.test.as_ref(), lease)).await;
        #[cfg(not(feature = "testing"))]
        let reply = lease.connection().commit().await;
        self.state.end_answered();
        if let (Some(monitor), Some(commit)) = (&mut self.state.monitor, &commit) {
            monitor.committed(commit, error_type(&reply));
        }
        if let Some(observed) = observed {
            observed.replied(&reply);
        }
        if let Some(line) = line {
            line.finish(&outcome(&reply));
        }
        self.committed(reply).await
    }

    /// Records whether the body's SQL ended the transaction: another attempt would do the committed work twice.
    pub(super) async fn note_end(&mut self) {
        if let Ok(watched) = self.look().await {
            let _known_by_its_error = self.state.check(&watched);
        }
    }

    /// Records the server's answer to COMMIT.
    pub(super) async fn committed(&mut self, reply: CommitOutcome) -> Result<(), SessionError> {
        if matches!(reply, CommitOutcome::Committed) {
            self.note_commit();
            return Ok(());
        }
        // Boxed, because it is rare and would enlarge each caller's future.
        Box::pin(self.not_committed(reply)).await
    }

    /// Records that the server has committed, so that later reads from a replica see the commit.
    pub(super) fn note_commit(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.committed(self.state.is_read_only());
        }
        self.state.committed();
    }

    async fn not_committed(&mut self, reply: CommitOutcome) -> Result<(), SessionError> {
        match reply {
            CommitOutcome::Committed => Ok(()),
            CommitOutcome::RolledBack(error) => {
                let reason = self.state.because(error);
                let error = self.state.aborted(reason);
                Err(self.give_up(error).await)
            }
            CommitOutcome::Parted(parts) => {
                let error = self.state.part(&parts);
                Err(self.give_up(error).await)
            }
            CommitOutcome::NotSent(error) => {
                let _closed_instead = self.end_by_rollback().await;
                if self.state.is_committed_by_body() {
                    return Err(self.state.kept());
                }
                Err(CommitError::not_sent(error).into())
            }
            CommitOutcome::Refused(error) => {
                // Some servers leave the transaction open after they refuse COMMIT.
                let _refused_already = self.end_by_rollback().await;
                if self.state.is_committed_by_body() {
                    return Err(self.state.kept());
                }
                Err(CommitError::refused(self.state.counted_statement(error)).into())
            }
            CommitOutcome::Unknown(error) => {
                if let Some(lease) = &mut self.lease {
                    lease.in_doubt();
                    lease.connection().condemn();
                }
                self.state.ended();
                Err(SessionError::CommitUnknown(error))
            }
        }
    }

    /// Leaves COMMIT to a background task, which holds the permit meanwhile, if the transaction only read and can no
    /// longer fail: COMMIT's answer then cannot change the call's result. Returns true if it did so.
    pub(super) fn leave_commit(&mut self) -> bool {
        if self.hooks.has_any() || self.state.must_flush() {
            return false;
        }
        let transaction = &self.transaction_options;
        let silent =
            |lease: &mut Lease<F::Driver>| lease.connection().commits_silently(transaction);
        let Some(mut lease) = self.lease.take_if(silent) else {
            return false;
        };
        let watched = lease.connection().watch();
        let in_doubt = matches!(watched, TransactionStatus::InDoubt);
        if !in_doubt && self.state.verdict(&watched).is_none() && self.state.is_begun() {
            recovery::commit(lease, &mut self.state);
            return true;
        }
        self.lease = Some(lease);
        false
    }
}

/// Returns the error type that COMMIT's span shows for an answer other than "committed".
fn error_type(reply: &CommitOutcome) -> Option<&'static str> {
    match reply {
        CommitOutcome::Committed => None,
        CommitOutcome::RolledBack(_) => Some("aborted"),
        CommitOutcome::Refused(_) | CommitOutcome::NotSent(_) => Some("commit"),
        CommitOutcome::Parted(_) => Some("partly_committed"),
        CommitOutcome::Unknown(_) => Some("commit_unknown"),
    }
}

/// Returns what the echo prints after COMMIT.
fn outcome(reply: &CommitOutcome) -> Cow<'static, str> {
    let because = |outcome: &str, error: &StatementError| format!("{outcome}: {error}").into();
    match reply {
        CommitOutcome::Committed => "committed".into(),
        CommitOutcome::RolledBack(None) => "rolled back by the server".into(),
        CommitOutcome::RolledBack(Some(error)) => because("rolled back by the server", error),
        CommitOutcome::Refused(error) => because("refused", error),
        CommitOutcome::NotSent(error) => because("not sent, the connection was lost", error),
        CommitOutcome::Parted(_) => "committed or rolled back".into(),
        CommitOutcome::Unknown(error) => because("unknown", error),
    }
}
