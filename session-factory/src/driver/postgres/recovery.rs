//! Recovery: what happens to a dropped session's connection.

use std::time::Instant;

use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use tokio::time::timeout_at;

use super::cancel::Canceller;
use super::connection::PgConnection;
use super::sql::reset;
use super::statement_error::is_lost;
use crate::driver::{DriverConnection, GoesTo, RecoveryOutcome, Running};
use crate::observe::unpanicked;

/// Cancels the running statement, rolls back, and checks the connection. See `docs/recovery.md` for the states.
pub(super) async fn recover(
    connection: &mut PgConnection,
    running: Running,
    goes_to: GoesTo,
    deadline: Instant,
) -> RecoveryOutcome {
    let within_limit = timeout_at(deadline.into(), async {
        connection.take_raw_back();
        connection.view().seal();
        let canceller = match goes_to {
            GoesTo::Anybody => connection.canceller(),
            // A continuing session must not join a group cancel: a late one could hit its next statement.
            GoesTo::SameSession => connection.canceller().by_itself_only(),
        };
        if connection.is_closed() {
            if connection.may_run_on() {
                canceller.abandon(connection.last_sent()).await;
            }
            return false;
        }
        // Wait for a cancel request that a dropped call started and that is still under way.
        let late = canceller.rest().await;
        // ROLLBACK queues after the dropped session's messages, so its answer also shows that the server has finished
        // those.
        let since = connection.view().runs_since();
        let rolled_back = end(connection, running);
        let (first, cancelled) = match running {
            // Never cancel COMMIT: with a synchronous standby, the transaction would be committed locally only.
            Running::End => (rolled_back.await, false),
            // One unanswered message is the ROLLBACK itself. More mean that a statement runs before it, possibly one
            // from the raw connection that the session did not see.
            Running::Nothing | Running::Statement => {
                let view = connection.view();
                let something_runs = || view.runs_something(running == Running::Statement);
                canceller.until(rolled_back, since, something_runs).await
            }
        };
        if connection.is_closed() || is_lost(&first) {
            // An external pool's connection has no protocol state: there, only this error shows the loss.
            if connection.may_run_on()
                || !connection.view().is_watched() && running == Running::Statement
            {
                canceller.abandon(connection.last_sent()).await;
            }
            return false;
        }
        if late || cancelled || first.is_err() {
            // A late cancel request hits the first of these two messages, instead of the next borrower's statement.
            let settled = async {
                let (_late, second) = tokio::join!(settle(connection), settle(connection));
                second.is_ok()
            };
            let (settled, free) = tokio::join!(settled, take_along(connection, &canceller, false));
            if !settled || !free {
                return false;
            }
        }
        if !connection.is_closed() && !connection.is_quiet() {
            // Dropping the session's values may have sent further messages (dropping a statement sends Close): wait.
            let _behind = settle(connection).await;
        }
        connection.was_recovered();
        !connection.is_closed() && connection.is_quiet()
    })
    .await;
    match within_limit {
        Ok(true) => RecoveryOutcome::Clean,
        _ => RecoveryOutcome::Failed,
    }
}

/// Sends the group cancel on this connection. Before the reset it does so only if there is nothing to reset, because
/// the session's settings could break the group's query.
async fn take_along(connection: &PgConnection, canceller: &Canceller, is_reset: bool) -> bool {
    let now = is_reset || !connection.view().needs_reset();
    !now || canceller.take_along(connection.diesel()).await
}

/// Rolls back the open transaction, or one that unanswered messages may leave open. It first checks that there may be
/// one, because the server logs a warning for a ROLLBACK outside a transaction, and so does the client.
async fn end(connection: &PgConnection, running: Running) -> QueryResult<()> {
    if connection.has_ended() || running == Running::End && connection.sees_the_end() {
        let answered = barrier(connection).await;
        if answered.is_err() || connection.has_ended() {
            return answered;
        }
    }
    roll_back(connection).await
}

/// Waits until the server has answered all messages, and rolls back an open transaction.
async fn settle(connection: &PgConnection) -> QueryResult<()> {
    if connection.has_ended() {
        barrier(connection).await
    } else {
        roll_back(connection).await
    }
}

/// Sends an empty query: its answer shows that the server has finished all earlier messages.
async fn barrier(connection: &PgConnection) -> QueryResult<()> {
    let mut diesel = connection.diesel();
    unpanicked(diesel.batch_execute("")).await
}

async fn roll_back(connection: &PgConnection) -> QueryResult<()> {
    let mut diesel = connection.diesel();
    unpanicked(diesel.batch_execute(&connection.recovery_text())).await
}

/// Resets the session. Returns false if that is impossible or fails; the pool then closes the connection.
pub(super) async fn reset(connection: &mut PgConnection) -> bool {
    let view = connection.view();
    if view.is_unclean() {
        return false;
    }
    let text = reset::text(view.is_opaque());
    view.begin_reset();
    let mut diesel = connection.diesel();
    let canceller = connection.canceller();
    let (reset, free) = tokio::join!(
        diesel.batch_execute(&text),
        take_along(connection, &canceller, true)
    );
    if reset.is_err() || !free {
        return false;
    }
    connection.view().end_reset(true);
    true
}
