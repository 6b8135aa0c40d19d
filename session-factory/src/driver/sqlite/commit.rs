//! COMMIT, alone or behind the last statement, and ROLLBACK.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::facts::{End, Facts};
use super::job::Lost;
use super::link::{Held, SqliteLink};
use super::quiet::{contained, quietly};
use super::statement::{self, Collected};
use super::{Sqlite, begin, mark, workers};
use crate::driver::{Ahead, CommitReply, CommitSent, Driver, Last, Owner, Reply};
use crate::error::{PartlyCommitted, StatementError};

pub(super) async fn commit(link: &mut SqliteLink) -> CommitReply {
    let facts = Arc::clone(link.facts());
    let turn = link.turn().map(Arc::clone);
    let result = link
        .job(move |connection| {
            let reply = end(connection, &facts);
            // Here, and not when somebody hears of it: the next writer's statement follows at once.
            turn.inspect(|turn| turn.over());
            reply
        })
        .await;
    link.end_turn();
    match result {
        Ok(reply) => reply,
        Err(error) => CommitReply::Unknown(Sqlite::explain(link, &error.into_error())),
    }
}

/// Commits a transaction that has only read, with nobody waiting for it. The owner of the link goes with it.
pub(super) fn unattended<O, E>(mut owner: O, over: E) -> Result<(), (O, E)>
where
    O: Owner<SqliteLink> + Send + 'static,
    E: FnOnce(O, bool) + Send + 'static,
{
    if at_once(owner.link()) {
        over(owner, true);
        return Ok(());
    }
    let facts = Arc::clone(owner.link().facts());
    let Some(mut connection) = owner.link().send_away() else {
        return Err((owner, over));
    };
    workers::start(Box::new(move |_| {
        let ended = contained(&facts, || end(&mut connection, &facts));
        owner.link().came_back(Some(connection));
        over(owner, matches!(ended, Some(CommitReply::Committed)));
    }));
    Ok(())
}

/// COMMIT of a transaction that has only read, on the caller's thread: it lets go of a lock, and neither waits nor looks
/// at the disk. To wake a thread for it takes ten times as long, and the connection would be away meanwhile. False when
/// it has failed: then it is for a thread that may wait.
fn at_once(link: &mut SqliteLink) -> bool {
    let facts = Arc::clone(link.facts());
    if facts.shares_cache() {
        return false;
    }
    let Held::Home(connection) = link.held() else {
        return false;
    };
    let committed = quietly(connection, &facts, "COMMIT").is_ok();
    if committed {
        facts.set_end(End::Committed);
    }
    committed
}

/// Runs a statement and commits, in one piece.
pub(super) async fn behind(
    link: &mut SqliteLink,
    ahead: Ahead,
    query: QueryResult<Collected>,
    sent: CommitSent,
) -> Last {
    if let Err(reply) = statement::make_ready(link, &ahead).await {
        return Last {
            reply,
            commit: None,
        };
    }
    let facts = Arc::clone(link.facts());
    let turn = link.turn().map(Arc::clone);
    let work = move |connection: &mut SqliteConnection| {
        let reply = statement::in_order(connection, &ahead, &facts, None, |connection| {
            statement::execute(connection, query, &facts)
        });
        let reply = match facts.end() {
            Some(End::Unseen) => statement::ended_unseen(),
            _ => reply,
        };
        let succeeded = reply.ahead.is_ok() && reply.result.is_ok();
        // Nobody waits any more: what can still be rolled back is.
        let commit = if succeeded && !facts.is_stopped() {
            end(connection, &facts)
        } else {
            let _nothing_open = begin::rollback(connection, &facts);
            facts.set_end(End::RolledBack);
            CommitReply::RolledBack(None)
        };
        turn.inspect(|turn| turn.over());
        (reply, commit)
    };
    let ended = link.job_that_commits(work, sent).await;
    link.end_turn();
    match ended {
        Ok((reply, commit)) => Last {
            reply: statement::answer(Ok(reply), link.facts()),
            commit: Some(commit),
        },
        Err(Lost::Before(error)) => Last {
            reply: Reply::not_sent(error),
            commit: None,
        },
        Err(Lost::During(error)) => {
            let lost = Sqlite::explain(link, &error);
            Last {
                reply: Reply::of(Err(error)),
                commit: Some(CommitReply::Unknown(lost)),
            }
        }
    }
}

pub(super) async fn rollback(link: &mut SqliteLink) -> Result<(), StatementError> {
    let facts = Arc::clone(link.facts());
    let turn = link.turn().map(Arc::clone);
    let rollback = link.job(move |connection| {
        mark::leave_raw(connection, &facts);
        let rolled_back = begin::rollback(connection, &facts);
        turn.inspect(|turn| turn.over());
        rolled_back
    });
    let result = rollback.await.unwrap_or_else(|lost| Err(lost.into_error()));
    link.end_turn();
    result.map_err(|error| Sqlite::explain(link, &error))
}

fn end(connection: &mut SqliteConnection, facts: &Facts) -> CommitReply {
    mark::leave_raw(connection, facts);
    match facts.end() {
        None if facts.is_unbalanced() || facts.has_panicked() => {
            begin::roll_back_quietly(connection, facts);
            return CommitReply::RolledBack(None);
        }
        None => {}
        // By a COMMIT whose caller went away, say.
        Some(End::Committed) => return CommitReply::Committed,
        Some(End::RolledBack) => return CommitReply::RolledBack(None),
        Some(End::Unseen) => {
            let unseen = PartlyCommitted::EndedUnseen.to_string();
            return CommitReply::Unknown(StatementError::connection(unseen));
        }
    }
    let reply = begin::commit(connection, facts);
    if matches!(reply, CommitReply::Committed) {
        // Known even if nobody waits for the answer any more.
        facts.set_end(End::Committed);
    }
    reply
}
