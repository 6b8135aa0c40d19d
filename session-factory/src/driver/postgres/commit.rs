//! COMMIT, alone or behind the last statement, and what the server made of it.

use std::borrow::Cow;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join;

use super::ends::End;
use super::fragment::{self, PgQuery};
use super::ledger::Ledger;
use super::link::PgLink;
use super::mark::{self, Suspicion};
use super::send::pipelined;
use crate::driver::{Ahead, CommitReply, CommitSent, Last, Reply};
use crate::error::{PartlyCommitted, StatementError, StatementErrorKind};

pub(super) async fn commit(link: &mut PgLink) -> CommitReply {
    if link.is_closed() {
        return CommitReply::NotSent(link.why_closed());
    }
    link.leave_raw();
    spare(link).await;
    link.set_committing(true);
    link.set_committed(true);
    let text = link.commit_text();
    let mut connection = link.connection();
    let commit = connection.batch_execute(&text);
    let reply = if link.ledger().is_some() {
        Reply::of(commit.await)
    } else {
        // Without a view of the protocol, SAVEPOINT tells whether there is a transaction that can
        // still commit: it fails outside of one and inside a failed one, where COMMIT does not.
        pipelined(
            link.connection(),
            "SAVEPOINT session_factory_commit",
            None,
            &mut Box::pin(commit),
        )
        .await
    };
    link.note_reset(reply.result.is_ok());
    let reply = read(link, reply);
    link.set_committing(matches!(reply, CommitReply::Unknown(_)));
    reply
}

/// Runs a statement with COMMIT behind it.
///
/// COMMIT is sent when the statement itself has been written to the socket, and not before: a statement
/// that has to be prepared, or to look its types up, takes round trips of its own first, and a COMMIT that
/// overtook it would leave it in autocommit. If the statement is answered earlier (a server that is next
/// door, or an error while it was prepared), COMMIT is not sent: the session sees to the end.
pub(super) async fn behind<T>(link: &mut PgLink, ahead: Ahead, source: T, sent: CommitSent) -> Last
where
    T: QueryFragment<Pg> + QueryId + Send,
{
    link.leave_raw();
    spare(link).await;
    link.set_committing(true);
    // Behind a pooler COMMIT puts back what the session changed, and this statement may be what changes it. The stream of
    // an application's own connection cannot be seen.
    let is_pooled = link.is_pooled();
    let text = link.commit_text();
    link.set_committed(true);
    let (shared, rest) = link.split_for_statement();
    let ledger = rest.ledger().filter(|_| !is_pooled);
    let mut expected = None;
    let statement = rest.execute_shown(shared, PgQuery::of(&source), |sql, suspicion| {
        let built = || fragment::sql(PgQuery::of(&source)).ok().map(Cow::Owned);
        let Some(sql) = sql.map(Cow::Borrowed).or_else(built) else {
            return;
        };
        // Or it may be what ends the transaction.
        let may_end = suspicion != Suspicion::None
            || !mark::is_query(&sql) && Suspicion::of(&sql, true) != Suspicion::None;
        if !may_end && let Some(ledger) = &ledger {
            expected = Some(ledger.lookout.expect(&sql));
        }
    });
    // What it holds is the application's, and may panic when it is dropped: before anything is sent.
    drop(source);
    let Some(expected) = expected else {
        let reply = rest.send(shared, ahead, statement).await;
        return not_sent(link, reply);
    };
    let both = {
        let statement = rest.send(shared, ahead, statement);
        tokio::pin!(statement);
        let early = tokio::select! {
            biased;
            reply = &mut statement => Some(reply),
            () = expected.sent() => None,
        };
        if let Some(reply) = early {
            Err(reply)
        } else {
            sent.set();
            let mut connection = shared;
            Ok(join(statement, connection.batch_execute(&text)).await)
        }
    };
    let (reply, committed) = match both {
        Ok(both) => both,
        Err(reply) => return not_sent(link, reply),
    };
    let failed = match &reply.result {
        Err(error) => !ends_the_connection(link, &link.explain(error)),
        Ok(_) => false,
    };
    let commit = if failed && committed.is_err() {
        // A transaction in which a statement failed cannot be committed, whatever became of COMMIT.
        CommitReply::RolledBack(None)
    } else {
        read(link, Reply::of(committed))
    };
    link.set_committing(matches!(commit, CommitReply::Unknown(_)));
    Last {
        reply,
        commit: Some(commit),
    }
}

/// A COMMIT is not cancelled, by a late request for an earlier statement neither: with a synchronous standby that
/// would make it local only.
async fn spare(link: &PgLink) {
    if link.may_be_hit() {
        let canceller = link.canceller();
        // Without the background runtime there would be no connection either.
        let resting = crate::runtime::within(async { canceller.rest().await });
        let _no_runtime = Box::pin(resting).await;
    }
}

fn not_sent(link: &mut PgLink, reply: Reply<usize>) -> Last {
    link.set_committing(false);
    link.set_committed(false);
    Last {
        reply,
        commit: None,
    }
}

fn read(link: &PgLink, reply: Reply<()>) -> CommitReply {
    let ended = link.ledger().map(Ledger::ended);
    match (reply.ahead, reply.result, ended) {
        // Whatever became of the question behind COMMIT.
        (Ok(()), Ok(()), None) | (_, _, Some(Some(End::Commit))) => CommitReply::Committed,
        (_, _, Some(Some(End::Unseen))) => CommitReply::Parted(PartlyCommitted::EndedUnseen),
        (Err(_), Ok(()), _) => CommitReply::RolledBack(None),
        (Ok(()), Ok(()), Some(_)) => {
            CommitReply::RolledBack(link.ledger().and_then(Ledger::first_error))
        }
        (_, Err(error), _) => {
            let error = link.explain(&error);
            if ends_the_connection(link, &error) {
                CommitReply::Unknown(error)
            } else {
                CommitReply::Refused(error)
            }
        }
    }
}

/// A server that says of COMMIT that it does not know either (the distributed ones have such an answer).
const UNKNOWN: [&str; 2] = ["40003", "08007"];

/// Of such an error nobody knows on which side of COMMIT it came. A function of the application's can raise any
/// SQLSTATE: one that the connection survives is a refusal.
fn ends_the_connection(link: &PgLink, error: &StatementError) -> bool {
    let Some(state) = error.sqlstate() else {
        return error.kind == StatementErrorKind::Connection;
    };
    let survives = |ledger: &Ledger| ledger.fatal().is_none();
    UNKNOWN.contains(&state)
        || (state.starts_with("08") || state.starts_with("57P"))
            && !link.ledger().is_some_and(survives)
}
