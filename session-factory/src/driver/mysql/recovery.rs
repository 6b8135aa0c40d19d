//! Recovers a connection whose session was dropped. `docs/recovery.md` shows the states.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout, timeout_at};

use super::connection::{Inner, Own, TrackedMysqlConnection};
use crate::driver::{RecoveryOutcome, Running};
use crate::error::StatementError;

/// The wait before the first KILL. Many statements end within it, and their connections need no KILL.
const FIRST: Duration = Duration::from_millis(1);
/// The waits between KILLs. Another KILL is needed if the first one arrived before the statement did.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// The longest wait for the reply to a killed statement, once the server has answered a KILL.
const SILENCE: Duration = Duration::from_secs(3);

/// Cancels what is running, rolls back, checks.
pub(super) async fn recover(
    connection: &mut TrackedMysqlConnection,
    running: Running,
    deadline: Instant,
) -> RecoveryOutcome {
    connection.leave_raw();
    let recovered = async {
        match &mut connection.inner {
            Inner::Own(own) => own.recover(running).await,
            Inner::External(external) => external.recover().await,
        }
    };
    timeout_at(deadline.into(), recovered)
        .await
        .unwrap_or(RecoveryOutcome::Failed)
}

impl Own {
    async fn recover(&mut self, running: Running) -> RecoveryOutcome {
        if running == Running::End && self.committing {
            // COMMIT is never cancelled.
            self.finish_commit().await;
        } else {
            self.give_up().await;
        }
        if self.channel.lost().is_some() {
            if !self.committing && self.may_run_on() {
                self.canceller.end().await;
            }
            return RecoveryOutcome::Failed;
        }
        // Finds out whether a SQL text that was dropped has committed.
        let _lost_is_found_below = self.settle().await;
        if self.roll_back().await.is_err() || self.channel.state.in_transaction() {
            return RecoveryOutcome::Failed;
        }
        self.in_flight = false;
        if self.may_be_hit || self.channel.state.is_alone() {
            return RecoveryOutcome::Spent;
        }
        RecoveryOutcome::Clean
    }

    /// Reads all outstanding replies. If a statement takes too long, kills it.
    pub(super) async fn give_up(&mut self) {
        if timeout(FIRST, self.channel.drain()).await.is_ok() {
            self.in_flight = false;
            return;
        }
        let mut pauses = PAUSES.iter().copied().chain(std::iter::repeat(PAUSES[4]));
        let mut killed_at = None;
        loop {
            // Await the KILL even if the statement ends meanwhile: a KILL in flight must be over before the next
            // command is sent.
            let is_answered = self.canceller.cancel().await;
            self.may_be_hit |= !is_answered;
            if is_answered {
                killed_at.get_or_insert_with(Instant::now);
            }
            let pause = pauses.next().unwrap_or(FIRST);
            let drained = async {
                tokio::select! {
                    biased;
                    _lost = self.channel.drain() => true,
                    () = sleep(pause) => false,
                }
            };
            if drained.await {
                break;
            }
            if killed_at.is_some_and(|at| at.elapsed() > SILENCE) {
                let _given_up = self.channel.lose(&"the server's answers do not arrive");
                return;
            }
        }
        if killed_at.is_some() && self.channel.lost().is_none() {
            // A KILL that came too late hits this statement instead of the next command.
            let _hit = self.channel.run("DO 1").await;
        }
        self.in_flight = false;
    }

    /// For a lost connection: true if the server may still run a statement or have a transaction for it.
    fn may_run_on(&self) -> bool {
        self.in_flight || self.channel.state.in_transaction()
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), StatementError> {
        self.channel.drain().await?;
        self.channel.state.count(0, 1);
        // After a deadlock, the first ROLLBACK may fail because the transaction is already gone: then send it again.
        match self.channel.run("ROLLBACK").await {
            Err(error) if error.is_transient() => self.channel.run("ROLLBACK").await,
            ended => ended,
        }
    }
}

impl Own {
    /// True if everything is answered and no transaction is open. For a lost connection: true if the server has nothing
    /// left to do for it.
    pub(super) fn is_at_rest(&self) -> bool {
        if self.channel.lost().is_some() {
            return self.committing || !self.may_run_on();
        }
        let state = &self.channel.state;
        self.channel.is_quiet()
            && !self.in_flight
            && !state.in_transaction()
            && !state.is_alone()
            && state.is_verified()
    }
}
