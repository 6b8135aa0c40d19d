//! Recovery after a session was dropped: a background task ends what the session left on the connection, and holds
//! the permit meanwhile. `docs/recovery.md` draws the states.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::events::{EndStatement, ObservedEnd};
use super::hooks::Hooks;
use super::state::SessionState;
use super::transaction::kept_of;
use crate::driver::{
    CommitOutcome, Driver, DriverConnection, GoesTo, RecoveryOutcome, Running, TransactionStatus,
};
use crate::error::{StatementError, TransactionOutcome};
use crate::observe::{self, SessionMonitor};
use crate::panics::contained_async;
use crate::pool::Lease;

/// After this limit the recovery closes the connection; a statement that still runs ends when the server notices that.
const LIMIT: Duration = Duration::from_secs(30);

/// Takes over a dropped session's connection, on the thread that dropped the session.
pub(super) fn hand_over<D: Driver>(
    lease: Option<Lease<D>>,
    state: &mut SessionState,
    hooks: &mut Hooks,
) {
    // Dropped at the end of the recovery, because the unit of work ends with its session.
    let mut monitor = state.monitor.take();
    let Some(mut lease) = lease else { return };
    state.abandoned();
    let running = state.running();
    let committing = state.is_committing();
    let read_only = state.is_read_only();
    lease.note_commit_of_body();
    if state.met_read_only() {
        // The server was demoted. The next connection may find the new primary.
        lease.demoted();
    }
    let mut is_reported = state.is_answered_for();
    if let (false, Some(kept)) = (is_reported, state.kept_by_body()) {
        report_kept(&lease, &kept);
        is_reported = true;
    }
    if let Some(monitor) = &mut monitor {
        monitor.hooks(hooks.count());
        monitor.dropped(state.is_begun());
    }
    let connection = lease.connection();
    let was_begun = state.is_begun();
    // `at_rest` is a safety net: the next borrower must not get a transaction that the session overlooked.
    let begun = state.is_begun() || !connection.at_rest();
    let changed = !connection.is_closed() && connection.needs_reset();
    if !begun && running == Running::Nothing && !changed && !hooks.has_any() {
        lease.give_back();
        return;
    }
    let mut hooks = std::mem::take(hooks);
    let line = begun.then(|| {
        state
            .echo
            .as_ref()
            .map(|echo| echo.line(|| "ROLLBACK".into()))
    });
    let observed = match was_begun {
        true if committing => ObservedEnd::again(lease.connection(), EndStatement::Commit),
        true => ObservedEnd::start(lease.connection(), state, EndStatement::Rollback),
        false => None,
    };
    state.ended();
    lease.recovering();
    if committing {
        lease.unfinished();
    }
    let recovery = monitor.as_ref().map(SessionMonitor::recovering);
    let spawned = crate::runtime::spawn(recovery.unwrap_or_default().around(async move {
        // The application's instrumentation runs on ROLLBACK and the reset, and may panic.
        let ended = contained_async(clean_up(
            &mut lease,
            (begun || running != Running::Nothing).then_some(running),
        ));
        let clean = ended.await.unwrap_or(false);
        let mut left = TransactionOutcome::RolledBack;
        if committing {
            left = outcome(&mut lease, read_only);
            lease.finished();
            if let Some(monitor) = &mut monitor {
                monitor.left(left);
            }
        } else if was_begun
            && !is_reported
            && let Some(kept) = kept_of(&lease.connection().watch())
        {
            report_kept(&lease, &kept);
        }
        match observed {
            Some(observed) if committing => observed.resolved(left),
            Some(observed) => observed.finish((!clean).then(closed)),
            None => {}
        }
        if let Some(line) = line.flatten() {
            line.finish(match (left, clean) {
                (TransactionOutcome::Committed, _) => "committed after all",
                (TransactionOutcome::Unknown, _) => "unknown: no answer came to COMMIT",
                (TransactionOutcome::RolledBack, true) => "rolled back, the connection goes on",
                (TransactionOutcome::RolledBack, false) => "rolled back by closing the connection",
            });
        }
        if clean {
            lease.give_back();
        } else {
            drop(lease);
        }
        if hooks.has_any() {
            let span = monitor.as_ref().map(SessionMonitor::hooked);
            let hooks = async move { hooks.over(left).await };
            crate::runtime::spawn_orphan(span.unwrap_or_default().around(hooks));
        }
        drop(monitor);
    }));
    if spawned.is_err() {
        observe::report(
            "a session was dropped and there is no thread to recover its connection on",
        );
    }
}

/// Reports work that stays committed, because the call's error, panic or cancellation does not mention it.
fn report_kept<D: Driver>(lease: &Lease<D>, kept: &str) {
    observe::report(&format!(
        "the call of {} did not end in Ok, and {kept}",
        lease.holder()
    ));
}

/// Ends what the session left and resets what it changed. Returns true if the
/// connection is proven clean for the next borrower.
async fn clean_up<D: Driver>(lease: &mut Lease<D>, running: Option<Running>) -> bool {
    if let Some(running) = running {
        let deadline = crate::time::from_now(LIMIT);
        let recovered = recover(lease.connection(), running, GoesTo::Anybody, deadline).await;
        if running == Running::Statement {
            lease.was_cancelled();
        }
        if recovered != RecoveryOutcome::Clean {
            return false;
        }
    }
    (!lease.connection().needs_reset() || reset(lease).await) && is_clean(lease.connection())
}

/// Returns the error that an instrumentation sees for a ROLLBACK without an answer.
fn closed() -> StatementError {
    StatementError::connection("rolled back by closing the connection")
}

async fn reset<D: Driver>(lease: &mut Lease<D>) -> bool {
    let is_reset = timeout(LIMIT, lease.connection().reset()).await;
    lease.was_reset();
    is_reset.unwrap_or(false)
}

/// True if the driver sees no open transaction, no statement under way and nothing to reset.
fn is_clean<C: DriverConnection>(connection: &C) -> bool {
    connection.at_rest() && connection.is_lendable() && !connection.needs_reset()
}

/// Commits in the background, for a caller that need not wait.
pub(super) fn commit<D: Driver>(mut lease: Lease<D>, state: &mut SessionState) {
    let line = state
        .echo
        .as_ref()
        .map(|echo| echo.line(|| "COMMIT".into()));
    let observed = ObservedEnd::start(lease.connection(), state, EndStatement::Commit);
    state.committed();
    lease.recovering();
    let over = |mut lease: Lease<D>, committed: bool| {
        if let Some(observed) = observed {
            observed.resolved(if committed {
                TransactionOutcome::Committed
            } else {
                TransactionOutcome::RolledBack
            });
        }
        if committed {
            lease.committed(true);
        }
        let at_rest = committed && lease.connection().at_rest();
        if let Some(line) = line {
            line.finish(if committed {
                "committed"
            } else {
                "ended by closing the connection"
            });
        }
        if at_rest && lease.connection().needs_reset() {
            spawn(async move {
                if reset(&mut lease).await && is_clean(lease.connection()) {
                    lease.give_back();
                }
            });
        } else if at_rest {
            lease.give_back();
        }
    };
    if let Err((mut lease, over)) = D::Connection::commit_unattended(lease, over) {
        spawn(async move {
            lease.committing();
            let committed = timeout(LIMIT, lease.connection().commit()).await;
            over(lease, matches!(committed, Ok(CommitOutcome::Committed)));
        });
    }
}

fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    if crate::runtime::spawn(task).is_err() {
        observe::report(
            "a session has ended and there is no thread to give its connection back on",
        );
    }
}

/// Returns the server's answer to a COMMIT whose caller was dropped.
pub(super) fn outcome<D: Driver>(lease: &mut Lease<D>, read_only: bool) -> TransactionOutcome {
    let left = match lease.connection().watch() {
        TransactionStatus::Ended {
            committed: true, ..
        } => TransactionOutcome::Committed,
        TransactionStatus::Refused(_)
        | TransactionStatus::Ended {
            committed: false, ..
        } => TransactionOutcome::RolledBack,
        _ => TransactionOutcome::Unknown,
    };
    match left {
        TransactionOutcome::Committed => lease.committed(read_only),
        TransactionOutcome::RolledBack => {}
        TransactionOutcome::Unknown => lease.in_doubt(),
    }
    left
}

/// Ends what the session left running, within a limit.
pub(super) async fn recover<C: DriverConnection>(
    connection: &mut C,
    running: Running,
    goes_to: GoesTo,
    deadline: Instant,
) -> RecoveryOutcome {
    // Boxed, because it is large, and callers seldom await it.
    Box::pin(crate::runtime::within(
        connection.recover(running, goes_to, deadline),
    ))
    .await
    .unwrap_or(RecoveryOutcome::Failed)
}
