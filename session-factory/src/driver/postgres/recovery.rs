//! What happens to a connection whose session is gone.

use std::time::Instant;

use diesel::QueryResult;
use diesel_async::SimpleAsyncConnection;
use tokio::time::timeout_at;

use super::cancel::Canceller;
use super::connection::PgConnection;
use super::protocol::state::ProtocolState;
use super::sql::reset;
use super::statement_error::is_lost;
use crate::driver::{GoesTo, Recovered, Running};

/// Cancels what runs, rolls back, checks. See `docs/recovery.md` for the states.
pub(super) async fn recover(
    connection: &mut PgConnection,
    running: Running,
    goes_to: GoesTo,
    deadline: Instant,
) -> Recovered {
    let within_limit = timeout_at(deadline.into(), async {
        connection.leave_raw();
        connection.seal();
        let canceller = match goes_to {
            GoesTo::Anybody => connection.canceller(),
            // A session that goes on neither waits for others nor is hit by what they are late with.
            GoesTo::SameSession => connection.canceller().by_itself_only(),
        };
        if connection.is_closed() {
            if connection.may_run_on() {
                canceller.abandon(connection.last_sent()).await;
            }
            return false;
        }
        // One that was sent by a caller who is gone.
        let late = canceller.rest().await;
        // ROLLBACK queues behind whatever the dropped session still has under way, so its answer also
        // says that the server is done with that.
        let since = connection
            .protocol_state()
            .and_then(ProtocolState::runs_since);
        let rolled_back = end(connection, running);
        let (first, cancelled) = match running {
            // A COMMIT is not cancelled: with a synchronous standby that would make it local only.
            Running::End => (rolled_back.await, false),
            // One message that waits for its answer is the ROLLBACK. More: a statement is in its way,
            // though nobody may have told the session of it (the raw connection was used).
            Running::Nothing | Running::Statement => {
                let something_runs = || match connection.protocol_state() {
                    Some(protocol_state) => {
                        protocol_state.unanswered() > 1 && !protocol_state.is_beginning()
                    }
                    None => running == Running::Statement,
                };
                canceller.until(rolled_back, since, something_runs).await
            }
        };
        if connection.is_closed() || is_lost(&first) {
            // Of an application's pool this is how the loss is noticed.
            if connection.may_run_on()
                || connection.protocol_state().is_none() && running == Running::Statement
            {
                canceller.abandon(connection.last_sent()).await;
            }
            return false;
        }
        if late || cancelled || first.is_err() {
            // A request that came late hits the first of these instead of the next borrower's query.
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
            // What was dropped with the session may have said its last word (a statement is closed by a
            // message) behind these.
            let _behind = settle(connection).await;
        }
        connection.was_recovered();
        !connection.is_closed() && connection.is_quiet()
    })
    .await;
    match within_limit {
        Ok(true) => Recovered::Clean,
        _ => Recovered::Failed,
    }
}

/// Cancels for others, unless that is for another moment: what the session has set would be in the way of that
/// until it is reset.
async fn take_along(connection: &PgConnection, canceller: &Canceller, is_reset: bool) -> bool {
    let now = is_reset
        || !connection
            .protocol_state()
            .is_some_and(ProtocolState::needs_reset);
    !now || canceller.take_along(connection.diesel()).await
}

/// Ends the transaction that is open, or may be once all that is under way is answered. A ROLLBACK outside of any would
/// put a warning into the server's log, and into the application's.
async fn end(connection: &PgConnection, running: Running) -> QueryResult<()> {
    if connection.has_ended() || running == Running::End && connection.sees_the_end() {
        let answered = barrier(connection).await;
        if answered.is_err() || connection.has_ended() {
            return answered;
        }
    }
    roll_back(connection).await
}

/// Waits until all that was sent is answered, and rolls back what is open.
async fn settle(connection: &PgConnection) -> QueryResult<()> {
    if connection.has_ended() {
        barrier(connection).await
    } else {
        roll_back(connection).await
    }
}

/// Its answer says that the server is done with all that was sent before it.
async fn barrier(connection: &PgConnection) -> QueryResult<()> {
    let mut diesel = connection.diesel();
    diesel.batch_execute("").await
}

async fn roll_back(connection: &PgConnection) -> QueryResult<()> {
    let mut diesel = connection.diesel();
    diesel.batch_execute(&connection.recovery_text()).await
}

/// Puts session settings back. What cannot be put back costs the connection.
pub(super) async fn reset(connection: &mut PgConnection) -> bool {
    if connection
        .protocol_state()
        .is_some_and(ProtocolState::is_unclean)
    {
        return false;
    }
    let opaque = connection
        .protocol_state()
        .is_some_and(ProtocolState::is_opaque);
    let text = reset::text(opaque);
    if let Some(protocol_state) = connection.protocol_state() {
        protocol_state.begin_reset();
    }
    let mut diesel = connection.diesel();
    let canceller = connection.canceller();
    let (reset, free) = tokio::join!(
        diesel.batch_execute(&text),
        take_along(connection, &canceller, true)
    );
    if reset.is_err() || !free {
        return false;
    }
    if let Some(protocol_state) = connection.protocol_state() {
        protocol_state.was_reset();
    }
    true
}
