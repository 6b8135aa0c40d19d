//! COMMIT, alone or after the last statement, and ROLLBACK.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::connection::LiteConnection;
use super::quiet::{noting_panic, quietly};
use super::slot::Slot;
use super::state::ConnectionState;
use super::statement::{self, Collected};
use super::task::Lost;
use super::{raw_access, threads::readers, transaction};
use crate::driver::TransactionEnd;
use crate::driver::{CommitOutcome, CommitSent, Last, Owner, Prelude, Reply};
use crate::error::{PartlyCommitted, StatementError};

pub(super) async fn commit(lite: &mut LiteConnection) -> CommitOutcome {
    let state = Arc::clone(lite.state());
    let turn = lite.turn().map(Arc::clone);
    let result = lite
        .task(move |connection| {
            let reply = end(connection, &state);
            // Release the turn here rather than when the caller receives the reply, so that the
            // next writer's statement follows at once.
            turn.inspect(|turn| turn.over());
            reply
        })
        .await;
    lite.end_turn();
    match result {
        Ok(reply) => reply,
        Err(error) => {
            CommitOutcome::Unknown(transaction::explained(&error.into_error(), lite.state()))
        }
    }
}

/// Commits a transaction that has only read, without a waiting caller. The task owns the connection's
/// owner until COMMIT is done.
pub(super) fn unattended<O, E>(mut owner: O, over: E) -> Result<(), (O, E)>
where
    O: Owner<LiteConnection> + Send + 'static,
    E: FnOnce(O, bool) + Send + 'static,
{
    if at_once(owner.connection()) {
        over(owner, true);
        return Ok(());
    }
    let state = Arc::clone(owner.connection().state());
    let Some(mut connection) = owner.connection().send_away() else {
        return Err((owner, over));
    };
    readers::start(Box::new(move |_| {
        let ended = noting_panic(&state, || end(&mut connection, &state));
        owner.connection().came_back(Some(connection));
        over(owner, matches!(ended, Some(CommitOutcome::Committed)));
    }));
    Ok(())
}

/// Runs COMMIT of a transaction that has only read, on the caller's thread. Such a COMMIT releases
/// a lock; it neither waits nor accesses the disk. Waking a thread would take ten times as long,
/// and the connection would be away for that time. Returns false if COMMIT failed: a thread that
/// may wait has to repeat it.
fn at_once(lite: &mut LiteConnection) -> bool {
    let state = Arc::clone(lite.state());
    if state.shares_cache() {
        return false;
    }
    let Slot::Home(connection) = lite.slot() else {
        return false;
    };
    let committed = quietly(connection, &state, "COMMIT").is_ok();
    if committed {
        state.set_end(TransactionEnd::Committed);
    }
    committed
}

/// Runs a statement and COMMIT without a pause in between.
pub(super) async fn behind(
    lite: &mut LiteConnection,
    prelude: Prelude,
    query: QueryResult<Collected>,
    sent: CommitSent,
) -> Last {
    if let Err(reply) = statement::make_ready(lite, &prelude).await {
        return Last {
            reply,
            commit: None,
        };
    }
    let state = Arc::clone(lite.state());
    let turn = lite.turn().map(Arc::clone);
    let work = move |connection: &mut SqliteConnection| {
        let reply = statement::in_order(connection, &prelude, &state, None, |connection| {
            statement::execute(connection, query, &state)
        });
        let reply = match state.end() {
            Some(TransactionEnd::Unseen) => statement::ended_unseen(),
            _ => reply,
        };
        let succeeded = reply.prelude.is_ok() && reply.result.is_ok();
        // If the caller dropped the call, roll back while that is possible.
        let commit = if succeeded && !state.is_stopped() {
            end(connection, &state)
        } else {
            let _nothing_open = transaction::rollback(connection, &state);
            state.set_end(TransactionEnd::RolledBack);
            CommitOutcome::RolledBack(None)
        };
        turn.inspect(|turn| turn.over());
        (reply, commit)
    };
    let ended = lite.task_that_commits(work, sent).await;
    lite.end_turn();
    match ended {
        Ok((reply, commit)) => Last {
            reply: statement::answer(Ok(reply), lite.state()),
            commit: Some(commit),
        },
        Err(Lost::Before(error)) => Last {
            reply: Reply::not_sent(error),
            commit: None,
        },
        Err(Lost::During(error)) => {
            let lost = transaction::explained(&error, lite.state());
            Last {
                reply: Reply::of(Err(error)),
                commit: Some(CommitOutcome::Unknown(lost)),
            }
        }
    }
}

pub(super) async fn rollback(lite: &mut LiteConnection) -> Result<(), StatementError> {
    let state = Arc::clone(lite.state());
    let turn = lite.turn().map(Arc::clone);
    let rollback = lite.task(move |connection| {
        raw_access::leave_raw(connection, &state);
        let rolled_back = transaction::rollback(connection, &state);
        turn.inspect(|turn| turn.over());
        rolled_back
    });
    let result = rollback.await.unwrap_or_else(|lost| Err(lost.into_error()));
    lite.end_turn();
    result.map_err(|error| transaction::explained(&error, lite.state()))
}

fn end(connection: &mut SqliteConnection, state: &ConnectionState) -> CommitOutcome {
    raw_access::leave_raw(connection, state);
    match state.end() {
        None if state.is_unbalanced() || state.has_panicked() => {
            transaction::roll_back_quietly(connection, state);
            return CommitOutcome::RolledBack(None);
        }
        None => {}
        // For example, a COMMIT whose caller was dropped has committed it.
        Some(TransactionEnd::Committed) => return CommitOutcome::Committed,
        Some(TransactionEnd::RolledBack) => return CommitOutcome::RolledBack(None),
        Some(TransactionEnd::Unseen) => {
            let unseen = PartlyCommitted::EndedUnseen.to_string();
            return CommitOutcome::Unknown(StatementError::connection(unseen));
        }
    }
    let reply = transaction::commit(connection, state);
    if matches!(reply, CommitOutcome::Committed) {
        // Recorded even if the caller was dropped.
        state.set_end(TransactionEnd::Committed);
    }
    reply
}
