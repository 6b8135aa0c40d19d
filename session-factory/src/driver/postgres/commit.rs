//! Sends COMMIT, alone or right after the last statement, and reads its outcome.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join;

use super::connection::PgConnection;
use super::fragment::{self, PgQuery};
use super::pipeline::pipelined;
use super::protocol::state::ProtocolState;
use super::sql::transaction_control::{self, Suspicion};
use crate::driver::{
    CommitOutcome, CommitSent, DriverConnection, Last, Prelude, Reply, TransactionEnd,
};
use crate::error::{PartlyCommitted, StatementError, StatementErrorKind};
use crate::observe::{panicked, report, seen, unpanicked};
use crate::panics::contained_async;

pub(super) async fn commit(connection: &mut PgConnection) -> CommitOutcome {
    if connection.is_closed() {
        return CommitOutcome::NotSent(connection.view().why_closed());
    }
    connection.take_raw_back();
    spare(connection).await;
    connection.commit_sent();
    let text = connection.commit_text();
    let mut diesel = connection.diesel();
    let reply = if connection.view().is_watched() {
        let answer = seen(diesel.batch_execute(&text)).await;
        connection.note_reset(matches!(answer, Some(Ok(()))));
        read_seen(connection, answer)
    } else {
        let commit = unpanicked(diesel.batch_execute(&text));
        // Without protocol state, SAVEPOINT shows whether there is a transaction that can commit: unlike COMMIT, it
        // fails outside a transaction and in a failed one.
        let reply = pipelined(
            connection.diesel(),
            "SAVEPOINT session_factory_commit",
            None,
            &mut Box::pin(commit),
        )
        .await;
        connection.note_reset(reply.result.is_ok());
        read(connection, reply)
    };
    connection.note_commit(&reply);
    reply
}

/// Runs a statement and sends COMMIT right after it.
///
/// COMMIT waits until the statement is written to the socket. A statement that has to be prepared, or whose types have
/// to be looked up, first takes round trips. A COMMIT that overtook it would leave the statement in autocommit. If the
/// server answers the statement first (a nearby server, or an error while preparing), this function does not send
/// COMMIT, and the session ends the transaction.
pub(super) async fn behind<T>(
    connection: &mut PgConnection,
    prelude: Prelude,
    source: T,
    sent: CommitSent,
) -> Last
where
    T: QueryFragment<Pg> + QueryId + Send,
{
    connection.take_raw_back();
    spare(connection).await;
    // Behind a pooler, COMMIT's message also carries the reset, and this statement may make the reset necessary. An
    // external pool's connection has no protocol state. In both cases COMMIT is sent after the statement's answer.
    let is_pooled = connection.is_pooled();
    let text = connection.commit_text();
    connection.commit_sent();
    let (shared, statements) = connection.split_for_statement();
    let protocol = statements.view.shared_protocol();
    let protocol = protocol.filter(|_| !is_pooled);
    let mut expected = None;
    let statement = statements.execute(shared, PgQuery::of(&source), |sql, suspicion| {
        let built = || fragment::sql(PgQuery::of(&source)).ok().map(Cow::Owned);
        let Some(sql) = sql.map(Cow::Borrowed).or_else(built) else {
            return;
        };
        // A statement that may itself end the transaction is also awaited before COMMIT is sent.
        let may_end = suspicion != Suspicion::None
            || !transaction_control::is_query(&sql) && Suspicion::of(&sql, true) != Suspicion::None;
        if !may_end && let Some(protocol) = &protocol {
            expected = Some(protocol.expect_statement(&sql));
        }
    });
    // `source` holds the application's values, whose drop may panic. Drop it before anything is sent.
    drop(source);
    let Some(expected) = expected else {
        let reply = statements.send(shared, prelude, statement).await;
        return not_sent(connection, reply);
    };
    if let Some(protocol) = &protocol {
        // Call before the statement is sent, because its command tag may arrive before this task runs again.
        protocol.count_rows();
    }
    let both = {
        let statement = statements.send(shared, prelude, statement);
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
            let mut diesel = shared;
            let committed = seen(diesel.batch_execute(&text));
            Ok(join(contained_async(statement), committed).await)
        }
    };
    let (reply, committed) = match both {
        Ok(both) => both,
        Err(reply) => return not_sent(connection, reply),
    };
    let Some(reply) = reply else {
        return unheard(connection, committed);
    };
    let failed = match &reply.result {
        Err(error) => !ends_the_connection(connection, &connection.view().explain(error)),
        Ok(_) => false,
    };
    let commit = if failed && !matches!(committed, Some(Ok(()))) {
        // If the statement failed, COMMIT rolls the transaction back, whatever COMMIT's own answer is.
        CommitOutcome::RolledBack(None)
    } else {
        read_seen(connection, committed)
    };
    connection.note_commit(&commit);
    Last {
        reply,
        commit: Some(commit),
    }
}

/// Call when an instrumentation panicked at an event of the statement, so that the statement's result was lost. The
/// server's messages still say how the statement and COMMIT ended.
fn unheard(connection: &mut PgConnection, committed: Option<QueryResult<()>>) -> Last {
    report(
        "an instrumentation panicked while it was shown the last statement; the outcome stays as the server reported it",
    );
    let commit = read_seen(connection, committed);
    let rows = connection.view().protocol().map(ProtocolState::rows);
    let (result, commit) = match commit {
        CommitOutcome::Committed | CommitOutcome::Refused(_) => {
            (Ok(rows.unwrap_or_default()), commit)
        }
        CommitOutcome::RolledBack(Some(error)) => {
            let failed = error.clone().into();
            (Err(failed), CommitOutcome::RolledBack(Some(error)))
        }
        CommitOutcome::RolledBack(None) => (Err(panicked()), commit),
        _ => {
            let unknown = CommitOutcome::Unknown(StatementError::from(&panicked()));
            (Err(panicked()), unknown)
        }
    };
    connection.note_commit(&commit);
    Last {
        reply: Reply::of(result),
        commit: Some(commit),
    }
}

/// Waits for late cancel requests, which must not hit COMMIT: with a synchronous standby, the transaction would then be
/// committed locally only.
async fn spare(connection: &PgConnection) {
    if connection.may_be_hit() {
        let canceller = connection.canceller();
        // The connection could not exist without the background runtime, so this error cannot occur here.
        let resting = crate::runtime::within(async { canceller.rest().await });
        let _no_runtime = Box::pin(resting).await;
    }
}

fn not_sent(connection: &mut PgConnection, reply: Reply<usize>) -> Last {
    connection.commit_not_sent();
    Last {
        reply,
        commit: None,
    }
}

/// Reads COMMIT's outcome where the driver sees the server's messages. `answer` is `None` if the raw connection's
/// instrumentation panicked: it is called before COMMIT is sent, and again after the server has answered.
fn read_seen(connection: &PgConnection, answer: Option<QueryResult<()>>) -> CommitOutcome {
    let view = connection.view();
    let first_error = || view.protocol().and_then(ProtocolState::first_error);
    match (answer, view.ended()) {
        (Some(answer), _) => read(connection, Reply::of(answer)),
        (None, Some(TransactionEnd::RolledBack)) => CommitOutcome::RolledBack(first_error()),
        (None, None) if view.has_not_committed() => {
            CommitOutcome::RolledBack(Some(first_error().unwrap_or_else(|| {
                StatementError::other(
                    "an instrumentation of the raw connection panicked before COMMIT was sent",
                )
            })))
        }
        (None, _) => read(connection, Reply::of(Err(panicked()))),
    }
}

fn read(connection: &PgConnection, reply: Reply<()>) -> CommitOutcome {
    let ended = connection.view().protocol().map(ProtocolState::ended);
    match (reply.prelude, reply.result, ended) {
        // An error of the position query after COMMIT has no effect on COMMIT's outcome.
        (Ok(()), Ok(()), None) | (_, _, Some(Some(TransactionEnd::Committed))) => {
            CommitOutcome::Committed
        }
        (_, _, Some(Some(TransactionEnd::Unseen))) => {
            CommitOutcome::Parted(PartlyCommitted::EndedUnseen)
        }
        (Err(_), Ok(()), _) => CommitOutcome::RolledBack(None),
        (Ok(()), Ok(()), Some(_)) => CommitOutcome::RolledBack(
            connection
                .view()
                .protocol()
                .and_then(ProtocolState::first_error),
        ),
        (_, Err(error), _) => {
            let error = connection.view().explain(&error);
            if ends_the_connection(connection, &error) {
                CommitOutcome::Unknown(error)
            } else {
                CommitOutcome::Refused(error)
            }
        }
    }
}

/// SQLSTATEs with which a server says that COMMIT's outcome is unknown, as distributed servers do.
const UNKNOWN: [&str; 2] = ["40003", "08007"];

/// True if the error may have occurred before or after COMMIT took effect. The application's functions can raise any
/// SQLSTATE, so an error of class 08 or 57P that the connection survives is a refusal.
fn ends_the_connection(connection: &PgConnection, error: &StatementError) -> bool {
    let Some(state) = error.sqlstate() else {
        return error.kind == StatementErrorKind::Connection;
    };
    let survives = |protocol_state: &ProtocolState| protocol_state.fatal().is_none();
    UNKNOWN.contains(&state)
        || (state.starts_with("08") || state.starts_with("57P"))
            && !connection.view().protocol().is_some_and(survives)
}
