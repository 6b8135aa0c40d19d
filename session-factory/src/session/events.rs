//! The transaction's events for the application's instrumentation.

use diesel::result::Error;

use super::state::SessionState;
use crate::driver::{CommitOutcome, DriverConnection, Prelude};
use crate::error::{StatementError, TransactionOutcome};
use crate::observe::{Announced, Change, Events, Step, report_panic};

/// Returns the next statement's prelude, with its events.
pub(super) fn prelude<C: DriverConnection>(connection: &mut C, state: &SessionState) -> Prelude {
    let prelude = state.prelude();
    let observer = connection.observer();
    if let Some(events) = observer.events() {
        return Prelude {
            announced: Announced::new(events.clone(), state.steps()),
            ..prelude
        };
    }
    if observer.is_direct() {
        // diesel-async itself reports the texts, so only the steps are reported here.
        for step in state.steps() {
            tell(connection, &step);
        }
    }
    prelude
}

/// The statement that ends a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum EndStatement {
    Commit,
    Rollback,
}

/// A COMMIT or ROLLBACK that was reported to an instrumentation as started. Boxed, because each caller's future
/// contains it, and most connections have no instrumentation.
#[derive(Debug)]
pub(super) struct ObservedEnd(Box<(Events, Step)>);

impl ObservedEnd {
    /// Reports that the transaction is about to end. Returns `None` if no instrumentation waits for the answer.
    pub(super) fn start<C: DriverConnection>(
        connection: &mut C,
        state: &SessionState,
        ending: EndStatement,
    ) -> Option<Self> {
        let observer = connection.observer();
        if observer.events().is_none() && !observer.is_direct() {
            return None;
        }
        let step = step(ending);
        let left = state.left_savepoints();
        let Some(events) = connection.observer().events().cloned() else {
            for step in left.iter().chain([&step]) {
                tell(connection, step);
            }
            return None;
        };
        for step in &left {
            events.start(step);
        }
        events.start(&step);
        Some(Self(Box::new((events, step))))
    }

    /// Makes the value for a COMMIT or ROLLBACK that was reported as started before its future was dropped.
    pub(super) fn again<C: DriverConnection>(
        connection: &mut C,
        ending: EndStatement,
    ) -> Option<Self> {
        let events = connection.observer().events().cloned()?;
        Some(Self(Box::new((events, step(ending)))))
    }

    /// Reports the answer to COMMIT.
    pub(super) fn replied(self, reply: &CommitOutcome) {
        match reply {
            CommitOutcome::Committed => self.finish(None),
            CommitOutcome::RolledBack(error) => {
                self.finish(Some(error.clone().unwrap_or_else(rolled_back)));
            }
            CommitOutcome::Refused(error)
            | CommitOutcome::NotSent(error)
            | CommitOutcome::Unknown(error) => {
                self.finish(Some(error.clone()));
            }
            CommitOutcome::Parted(parts) => {
                self.finish(Some(StatementError::other(parts.to_string())));
            }
        }
    }

    /// Reports the outcome of a COMMIT whose future was dropped.
    pub(super) fn resolved(self, left: TransactionOutcome) {
        self.finish(match left {
            TransactionOutcome::Committed => None,
            TransactionOutcome::RolledBack => Some(rolled_back()),
            TransactionOutcome::Unknown => {
                Some(StatementError::connection("no answer came to COMMIT"))
            }
        });
    }

    pub(super) fn finish(self, error: Option<StatementError>) {
        let (events, step) = *self.0;
        events.finish(&step, error.map(Error::from).as_ref());
    }
}

fn step(ending: EndStatement) -> Step {
    match ending {
        EndStatement::Commit => Step::outermost(Change::Commit, "COMMIT"),
        EndStatement::Rollback => Step::outermost(Change::RollBack, "ROLLBACK"),
    }
}

fn rolled_back() -> StatementError {
    StatementError::other("the server has rolled the transaction back")
}

/// Reports a step to diesel-async's own instrumentation.
fn tell<C: DriverConnection>(connection: &mut C, step: &Step) {
    report_panic(|| {
        if let Some(instrumentation) = connection.raw_instrumentation() {
            instrumentation.on_connection_event(step.event());
        }
    });
}
