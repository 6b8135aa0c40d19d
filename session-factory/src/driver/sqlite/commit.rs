//! COMMIT, alone or behind the last statement, on the connection's thread.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;

use super::link::{Facts, SqliteLink};
use super::statement::{self, Collected};
use super::{Sqlite, begin, leave_raw};
use crate::driver::{Ahead, CommitReply, CommitSent, Driver, Last};

pub(super) async fn commit(link: &mut SqliteLink) -> CommitReply {
    let facts = Arc::clone(link.facts());
    let raw = facts.take_raw();
    let result = link
        .job(move |connection| Ok(end(connection, raw, &facts)))
        .await;
    link.release_writer();
    match result {
        Ok(reply) => reply,
        Err(error) => CommitReply::Unknown(Sqlite::explain(link, &error)),
    }
}

/// Runs a statement and commits, in one piece.
pub(super) async fn behind(
    link: &mut SqliteLink,
    ahead: Ahead,
    query: QueryResult<Collected>,
    sent: CommitSent,
) -> Last {
    if let Err(reply) = statement::take_turn(link, &ahead).await {
        return Last {
            reply,
            commit: None,
        };
    }
    let facts = Arc::clone(link.facts());
    let raw = facts.take_raw();
    // A job starts at its first poll, which follows at once.
    sent.set();
    let ended = link
        .job(move |connection| {
            let reply = statement::in_order(connection, &ahead, &facts, |connection| {
                statement::execute(connection, query)
            });
            let succeeded = reply.ahead.is_ok() && reply.result.is_ok();
            // Nobody waits any more: what can still be rolled back is.
            let commit = if succeeded && !facts.is_stopped() {
                end(connection, raw, &facts)
            } else {
                if raw {
                    leave_raw(connection);
                }
                let _nothing_open = begin::rollback(connection, &facts);
                facts.set_ended(false);
                CommitReply::RolledBack(None)
            };
            Ok((reply, commit))
        })
        .await;
    link.release_writer();
    match ended {
        Ok((reply, commit)) => Last {
            reply: reply.map_err(statement::classified),
            commit: Some(commit),
        },
        Err(error) => {
            let lost = Sqlite::explain(link, &error);
            Last {
                reply: crate::driver::Reply::of(Err(error)),
                commit: Some(CommitReply::Unknown(lost)),
            }
        }
    }
}

fn end(connection: &mut SqliteConnection, raw: bool, facts: &Facts) -> CommitReply {
    match facts.ended() {
        // By a COMMIT whose caller went away, say.
        Some(true) => return CommitReply::Committed,
        Some(false) => return CommitReply::RolledBack(None),
        None => {}
    }
    if raw && leave_raw(connection) > 1 {
        let _abandoned = connection.batch_execute("ROLLBACK");
        return CommitReply::RolledBack(None);
    }
    let reply = begin::commit(connection, facts);
    if matches!(reply, CommitReply::Committed) {
        // Known even if nobody waits for the answer any more.
        facts.set_ended(true);
    }
    reply
}
