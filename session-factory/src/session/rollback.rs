//! ROLLBACK, and how the server answered it.

use std::time::Duration;

use super::events::{EndStatement, ObservedEnd};
use super::{Session, recovery};
use crate::driver::{DriverConnection, GoesTo, RecoveryOutcome, Running};
use crate::error::{SessionError, StatementError, TransactionOutcome};
use crate::factory::SessionFactory;
use crate::pool::Lease;

/// The limit for a rollback that the caller waits for.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

impl<F: SessionFactory> Session<F> {
    pub(super) async fn give_up(&mut self, error: SessionError) -> SessionError {
        // If the rollback fails, the session closes the connection, which rolls back as well.
        if let Err(parted @ SessionError::PartlyCommitted(_)) =
            Box::pin(self.end_by_rollback()).await
        {
            return parted;
        }
        // The server may have said only now that a dropped statement has committed the transaction.
        let committed = |lease: &mut Lease<F::Driver>| lease.connection().was_committed_by_body();
        let is_told = matches!(error, SessionError::PartlyCommitted(_));
        if !is_told && self.lease.as_mut().is_some_and(committed) {
            return self.state.kept();
        }
        error
    }

    /// Rolls the transaction back, unless the server has committed it by a COMMIT whose future was dropped.
    pub(super) async fn end_by_rollback(&mut self) -> Result<TransactionOutcome, SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        self.state.abandoned();
        if !self.state.is_begun() {
            self.state.ended();
            return Ok(TransactionOutcome::RolledBack);
        }
        let line = self
            .state
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "ROLLBACK".into()));
        let running = self.state.running();
        let committing = self.state.is_committing();
        let observed = if committing {
            ObservedEnd::again(lease.connection(), EndStatement::Commit)
        } else {
            ObservedEnd::start(lease.connection(), &self.state, EndStatement::Rollback)
        };
        if !committing {
            self.state.rolling_back();
            if let Some(monitor) = &mut self.state.monitor {
                monitor.rolling_back();
            }
        }
        let connection = lease.connection();
        let rolled_back = match running {
            // Boxed, because callers seldom await it.
            Running::Nothing if !self.state.is_raw() => Box::pin(connection.rollback()).await,
            running => {
                let deadline = crate::time::from_now(ROLLBACK_LIMIT);
                let recovered =
                    recovery::recover(connection, running, GoesTo::SameSession, deadline).await;
                if recovered == RecoveryOutcome::Spent {
                    connection.condemn();
                }
                if recovered == RecoveryOutcome::Failed {
                    Err(StatementError::connection(
                        "the server did not give up the running statement in time",
                    ))
                } else {
                    Ok(())
                }
            }
        };
        let left = if committing {
            recovery::outcome(lease, self.state.is_read_only())
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
        self.state.end_answered();
        if let Some(monitor) = &mut self.state.monitor {
            monitor.rollback_ended(rolled_back.is_err());
        }
        // Only now does the driver know how dropped and raw statements ended.
        let parted = self.state.newly_parted(&lease.connection().watch());
        match left {
            TransactionOutcome::Committed => self.state.committed(),
            TransactionOutcome::RolledBack | TransactionOutcome::Unknown => self.state.ended(),
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
                lease.connection().condemn();
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

    /// Gives the connection back.
    pub(super) fn give_back(&mut self) {
        recovery::hand_over(self.lease.take(), &mut self.state, &mut self.hooks);
    }
}
