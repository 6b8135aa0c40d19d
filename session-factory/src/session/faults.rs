//! Where a test's faults strike a session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::{FaultEffect, Origin, TestContext, task_context};
use crate::driver::{CommitOutcome, Driver, DriverConnection};
use crate::error::StatementError;
use crate::pool::Lease;

/// How long a fault waits for a connection to close.
const PATIENCE: Duration = Duration::from_secs(10);

/// The test that a session belongs to, and the function that opened the session.
pub(super) struct Struck {
    test: Arc<TestContext>,
    function: &'static str,
}

impl Struck {
    /// Looks the test up when the session is opened, and notes the session there: its end may run on another runtime, without the test.
    pub(super) fn here<D: Driver>(origin: &Origin, lease: &mut Lease<D>) -> Option<Self> {
        let test = task_context::test()?;
        if let Some(process) = lease.connection().server_process() {
            let around = task_context::holders();
            test.sessions.opened(process, *origin, around);
        }
        Some(Self {
            test,
            function: origin.function(),
        })
    }
}

/// Sends COMMIT, or does what a fault of the test makes of it.
pub(super) async fn commit<D: Driver>(
    test: Option<&Struck>,
    lease: &mut Lease<D>,
) -> CommitOutcome {
    let effect = test.and_then(|struck| struck.test.faults.at_commit(struck.function));
    let lost = || StatementError::connection("the connection is lost, by a fault of the test");
    match effect {
        Some(FaultEffect::Conflict(Some(error))) => CommitOutcome::Refused(error),
        Some(FaultEffect::AnswerLost) => match lease.connection().commit().await {
            CommitOutcome::Committed => CommitOutcome::Unknown(lost()),
            other => other,
        },
        Some(FaultEffect::CommitLost) => {
            // If that fails, the connection is closed, which rolls back as well.
            let _closed_instead = lease.connection().rollback().await;
            CommitOutcome::Unknown(lost())
        }
        _ => lease.connection().commit().await,
    }
}

impl Struck {
    /// Closes the connection, if a fault strikes the next statement.
    pub(super) fn at_statement<D: Driver>(&self, lease: &mut Lease<D>) {
        if !self.test.faults.at_statement(self.function) {
            return;
        }
        let connection = lease.connection();
        if let Some(kill) = connection.kill() {
            (kill.0)();
            // The background runtime closes the connection, so this thread may wait.
            let started = Instant::now();
            while !connection.is_closed() && started.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// True if a fault is armed for a COMMIT that is sent by itself.
    pub(super) fn waits_for_commit(&self) -> bool {
        self.test.faults.wait_for_commit()
    }
}
