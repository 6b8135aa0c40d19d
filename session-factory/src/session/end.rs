//! COMMIT and ROLLBACK, and how the server answered them.

use std::borrow::Cow;
use std::time::Duration;

use super::events::{Ending, ObservedEnd};
use super::{Session, recovery};
use crate::driver::{CommitReply, Driver, GoesTo, Recovered, Running, Watched};
use crate::error::{AbortReason, CommitError, SessionError, StatementError, TransactionOutcome};
use crate::factory::SessionFactory;
use crate::observe::SessionMonitor;
use crate::pool::Lease;

/// The limit for a rollback that the caller waits for.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

impl<F: SessionFactory> Session<F> {
    /// What the driver knows about the transaction. In doubt it asks the database first.
    pub(super) async fn look(&mut self) -> Result<Watched, SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        if self.work.is_raw() {
            Box::pin(F::Driver::leave_raw(lease.link())).await;
        }
        let mut watched = F::Driver::watch(lease.link());
        if matches!(watched, Watched::InDoubt) {
            // Boxed, as it is the rare case: a caller's future should not carry it around.
            Box::pin(F::Driver::ask(lease.link())).await;
            watched = F::Driver::watch(lease.link());
        }
        lease.note_commit_of_body();
        Ok(watched)
    }

    /// The same without asking. None: the driver has to ask, or the session has to do something first.
    fn glance(&mut self) -> Option<Watched> {
        let lease = self.lease.as_mut().filter(|_| !self.work.is_raw())?;
        if !self.work.is_begun() {
            // There is no transaction to look at.
            lease.note_commit_of_body();
            return Some(Watched::Open);
        }
        let watched = F::Driver::watch(lease.link());
        if matches!(watched, Watched::InDoubt) {
            return None;
        }
        lease.note_commit_of_body();
        Some(watched)
    }

    /// Commits, or rolls back and says why.
    pub(super) async fn end_by_commit(&mut self) -> Result<(), SessionError> {
        // Boxed, as it is the rare case: a caller's future should not carry it around.
        let watched = match self.glance() {
            Some(watched) => watched,
            None => Box::pin(self.look()).await?,
        };
        if let Some(error) = self.work.verdict(watched) {
            return Err(self.give_up(error).await);
        }
        if !self.work.is_begun() {
            self.work.ended();
            return Ok(());
        }
        if self.work.must_flush() {
            // A savepoint that was abandoned has to be rolled back first.
            if let Err(error) = Box::pin(self.send_prelude()).await {
                let error = match error {
                    SessionError::Query(error) => {
                        self.work.aborted(AbortReason::Statement((&error).into()))
                    }
                    SessionError::PartlyCommitted(parts) => parts.into(),
                    _ => self.work.aborted(AbortReason::EndedByBody),
                };
                return Err(self.give_up(error).await);
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
        let observed = ObservedEnd::start::<F::Driver>(lease.link(), &self.work, Ending::Commit);
        self.work.committing();
        lease.committing();
        let commit = self.work.monitor.as_ref().map(SessionMonitor::committing);
        let reply = F::Driver::commit(lease.link()).await;
        self.work.end_answered();
        if let (Some(monitor), Some(commit)) = (&mut self.work.monitor, &commit) {
            monitor.committed(commit);
        }
        if let Some(observed) = observed {
            observed.replied(&reply);
        }
        if let Some(line) = line {
            line.finish(&outcome(&reply));
        }
        self.committed(reply).await
    }

    /// Notes that the body ended the transaction by itself: another attempt would do the committed work twice.
    pub(super) async fn note_end(&mut self) {
        if let Ok(watched) = self.look().await {
            let _known_by_its_error = self.work.check(&watched);
        }
    }

    /// Notes the server's answer to COMMIT.
    pub(super) async fn committed(&mut self, reply: CommitReply) -> Result<(), SessionError> {
        if matches!(reply, CommitReply::Committed) {
            self.note_commit();
            return Ok(());
        }
        // Boxed, as it is the rare case: a caller's future should not carry it around.
        Box::pin(self.not_committed(reply)).await
    }

    /// The server has committed: later reads from a replica have to see the commit.
    pub(super) fn note_commit(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.committed(self.work.is_read_only());
        }
        self.work.committed();
    }

    async fn not_committed(&mut self, reply: CommitReply) -> Result<(), SessionError> {
        match reply {
            CommitReply::Committed => Ok(()),
            CommitReply::RolledBack(error) => {
                let reason = self.work.because(error);
                let error = self.work.aborted(reason);
                Err(self.give_up(error).await)
            }
            CommitReply::Parted(parts) => {
                let error = self.work.part(&parts);
                Err(self.give_up(error).await)
            }
            CommitReply::NotSent(error) => {
                let _closed_instead = self.end_by_rollback().await;
                if self.work.is_committed_by_body() {
                    return Err(self.work.kept());
                }
                Err(CommitError::not_sent(error).into())
            }
            CommitReply::Refused(error) => {
                // Some servers leave the transaction open after that.
                let _refused_already = self.end_by_rollback().await;
                if self.work.is_committed_by_body() {
                    return Err(self.work.kept());
                }
                Err(CommitError::refused(self.work.counted_statement(error)).into())
            }
            CommitReply::Unknown(error) => {
                if let Some(lease) = &mut self.lease {
                    lease.in_doubt();
                    F::Driver::condemn(lease.link());
                }
                self.work.ended();
                Err(SessionError::CommitUnknown(error))
            }
        }
    }

    pub(super) async fn give_up(&mut self, error: SessionError) -> SessionError {
        // If the rollback fails, the session closes the connection, which rolls back as well.
        if let Err(parted @ SessionError::PartlyCommitted(_)) =
            Box::pin(self.end_by_rollback()).await
        {
            return parted;
        }
        // A dropped statement may have committed the transaction, and only now has the server said so.
        let committed =
            |lease: &mut Lease<F::Driver>| F::Driver::was_committed_by_body(lease.link());
        let is_told = matches!(error, SessionError::PartlyCommitted(_));
        if !is_told && self.lease.as_mut().is_some_and(committed) {
            return self.work.kept();
        }
        error
    }

    /// Rolls the transaction back, unless the server has committed it by a COMMIT whose future was dropped.
    pub(super) async fn end_by_rollback(&mut self) -> Result<TransactionOutcome, SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        self.work.abandoned();
        if !self.work.is_begun() {
            self.work.ended();
            return Ok(TransactionOutcome::RolledBack);
        }
        let line = self
            .work
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "ROLLBACK".into()));
        let running = self.work.running();
        let committing = self.work.is_committing();
        let observed = if committing {
            ObservedEnd::again::<F::Driver>(lease.link(), Ending::Commit)
        } else {
            ObservedEnd::start::<F::Driver>(lease.link(), &self.work, Ending::Rollback)
        };
        if !committing {
            self.work.rolling_back();
        }
        let link = lease.link();
        let rolled_back = match running {
            // Boxed: it is seldom in the caller's path.
            Running::Nothing if !self.work.is_raw() => Box::pin(F::Driver::rollback(link)).await,
            running => {
                let deadline = crate::time::from_now(ROLLBACK_LIMIT);
                let recovered =
                    recovery::recover::<F::Driver>(link, running, GoesTo::SameSession, deadline)
                        .await;
                if recovered == Recovered::Spent {
                    F::Driver::condemn(link);
                }
                if recovered == Recovered::Failed {
                    Err(StatementError::connection(
                        "the server did not give up the running statement in time",
                    ))
                } else {
                    Ok(())
                }
            }
        };
        let left = if committing {
            recovery::outcome(lease, self.work.is_read_only())
        } else {
            TransactionOutcome::RolledBack
        };
        if let Some(observed) = observed {
            if committing {
                observed.resolved(left);
            } else {
                observed.finish(rolled_back.as_ref().err().cloned());
            }
        }
        self.work.end_answered();
        if let Some(monitor) = &self.work.monitor {
            monitor.transaction_ended();
        }
        // Only now does the driver know how dropped and raw statements ended.
        let parted = self.work.newly_parted(&F::Driver::watch(lease.link()));
        match left {
            TransactionOutcome::Committed => self.work.committed(),
            TransactionOutcome::RolledBack | TransactionOutcome::Unknown => self.work.ended(),
        }
        if let Some(line) = line {
            match (left, &rolled_back) {
                (TransactionOutcome::Committed, _) => line.finish("committed before"),
                (_, Ok(())) => line.finish("rolled back"),
                (_, Err(error)) => line.finish(&format!("failed: {error}")),
            }
        }
        match rolled_back {
            Ok(()) => parted.map_or(Ok(left), Err),
            Err(error) => {
                F::Driver::condemn(lease.link());
                match left {
                    // The answer to COMMIT says more than the connection's state.
                    TransactionOutcome::Committed => Ok(left),
                    TransactionOutcome::Unknown => Err(SessionError::CommitUnknown(error)),
                    TransactionOutcome::RolledBack => {
                        Err(parted.unwrap_or(SessionError::Rollback(error)))
                    }
                }
            }
        }
    }

    /// Leaves COMMIT to a background task, which holds the permit meanwhile, if its answer cannot change the call's
    /// result: the transaction only read, and can no longer fail.
    pub(super) fn leave_commit(&mut self) -> bool {
        if self.hooks.has_any() || self.work.must_flush() {
            return false;
        }
        let transaction = &self.transaction_options;
        let silent =
            |lease: &mut Lease<F::Driver>| F::Driver::commits_silently(lease.link(), transaction);
        let Some(mut lease) = self.lease.take_if(silent) else {
            return false;
        };
        let watched = F::Driver::watch(lease.link());
        let in_doubt = matches!(watched, Watched::InDoubt);
        if !in_doubt && self.work.verdict(watched).is_none() && self.work.is_begun() {
            recovery::commit(lease, &mut self.work);
            return true;
        }
        self.lease = Some(lease);
        false
    }

    /// Gives the connection back.
    pub(super) fn give_back(&mut self) {
        recovery::hand_over(self.lease.take(), &mut self.work, &mut self.hooks);
    }
}

/// What the echo prints after COMMIT.
fn outcome(reply: &CommitReply) -> Cow<'static, str> {
    let because = |outcome: &str, error: &StatementError| format!("{outcome}: {error}").into();
    match reply {
        CommitReply::Committed => "committed".into(),
        CommitReply::RolledBack(None) => "rolled back by the server".into(),
        CommitReply::RolledBack(Some(error)) => because("rolled back by the server", error),
        CommitReply::Refused(error) => because("refused", error),
        CommitReply::NotSent(error) => because("not sent, the connection was lost", error),
        CommitReply::Parted(_) => "committed or rolled back".into(),
        CommitReply::Unknown(error) => because("unknown", error),
    }
}
