//! Statements: SQL and binds are collected on the caller's thread, and run on the connection's.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::{Connection, LoadConnection, SimpleConnection};
use diesel::query_builder::{CollectedQuery, MoveableBindCollector, QueryBuilder, QueryFragment};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::row::IntoOwnedRow;
use diesel::sqlite::query_builder::SqliteQueryBuilder;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::AsyncConnectionCore;

use super::advice::advise;
use super::connection::LiteConnection;
use super::mark::Mark;
use super::quiet::{noting_panic, panicked};
use super::raw_access;
use super::side_effects::{End, SideEffects, begins_with};
use super::state::ConnectionState;
use super::task::Lost;
use super::threads::writer::Turn;
use super::{Wrapper, transaction};
use crate::driver::TransactionEnd;
use crate::driver::{Prelude, Reply, as_conflict};
use crate::error::{PartlyCommitted, SessionError};

type Collector<'a> = <Sqlite as Backend>::BindCollector<'a>;
type Binds = <Collector<'static> as MoveableBindCollector<Sqlite>>::BindData;
type Row = <Wrapper as AsyncConnectionCore>::Row<'static, 'static>;

/// A statement's SQL and binds, which can move to another thread.
pub(super) struct Collected {
    query: CollectedQuery<Binds>,
    effects: SideEffects,
    writes: bool,
}

pub(super) fn collect(query: &dyn QueryFragment<Sqlite>) -> QueryResult<Collected> {
    let mut binds = Collector::default();
    query.collect_binds(&mut binds, &mut (), &Sqlite)?;
    let mut sql = SqliteQueryBuilder::default();
    query.to_sql(&mut sql, &Sqlite)?;
    let sql = sql.finish();
    let effects = SideEffects::of_prepared(&sql);
    let writes = begins_with(&sql, &["INSERT", "UPDATE", "DELETE", "REPLACE"]);
    let cacheable = query.is_safe_to_cache_prepared(&Sqlite)?;
    Ok(Collected {
        query: CollectedQuery::new(sql, cacheable, binds.moveable()),
        effects,
        writes,
    })
}

/// Runs the prelude and then `work`, without a pause in between.
pub(super) async fn run<R>(
    lite: &mut LiteConnection,
    prelude: Prelude,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
) -> Reply<R>
where
    R: Send + 'static,
{
    if let Err(reply) = make_ready(lite, &prelude).await {
        return reply;
    }
    let state = lite.stop();
    let turn = lite.turn().map(Arc::clone);
    let reply = lite
        .task(move |connection| in_order(connection, &prelude, &state, turn.as_deref(), work))
        .await;
    answer(reply, lite.state())
}

/// If the prelude begins a transaction, waits until the connection is back, and gives a session that may
/// write a new turn to write, for which its next task waits.
///
/// # Errors
/// The reply for the statement, which is then not sent.
pub(super) async fn make_ready<R>(
    lite: &mut LiteConnection,
    prelude: &Prelude,
) -> Result<(), Reply<R>> {
    if let Some(begin) = &prelude.begin {
        lite.reclaim().await.map_err(Reply::not_sent)?;
        if begin == transaction::IMMEDIATE {
            lite.take_turn();
        }
    }
    Ok(())
}

pub(super) fn answer<R>(reply: Result<Reply<R>, Lost>, state: &ConnectionState) -> Reply<R> {
    match reply {
        Ok(reply) => reply.map_err(|error| classified(error, state)),
        Err(Lost::Before(error)) => Reply::not_sent(error),
        Err(Lost::During(error)) => Reply::of(Err(error)),
    }
}

/// Makes a busy database's error a conflict, because diesel has no error kind for `SQLITE_BUSY`.
fn classified(error: Error, state: &ConnectionState) -> Error {
    if transaction::is_busy(&error, state.shares_cache()) {
        as_conflict(error)
    } else {
        error
    }
}

pub(super) fn in_order<R>(
    connection: &mut SqliteConnection,
    prelude: &Prelude,
    state: &ConnectionState,
    turn: Option<&Turn>,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>,
) -> Reply<R> {
    let reply = behind(connection, prelude, state, work);
    let not_begun = prelude.begin.is_some() && reply.prelude.is_err();
    if let Some(turn) = turn
        && (not_begun || state.end().is_some())
    {
        turn.over();
    }
    reply
}

fn behind<R>(
    connection: &mut SqliteConnection,
    prelude: &Prelude,
    state: &ConnectionState,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>,
) -> Reply<R> {
    if let Some(sql) = &prelude.begin {
        // The body's earlier work on the raw connection belonged to an earlier transaction, so do not check it.
        let _over = raw_access::take_back(connection, state);
        prelude.announced.start();
        if let Err(error) = transaction::begin(connection, sql, state) {
            prelude.announced.failed(&error, false);
            return Reply::not_sent(error);
        }
    } else {
        raw_access::leave_raw(connection, state);
        // After the transaction's end, the statement would run outside of any transaction, so do not run it.
        match state.end_and_panic() {
            (None, false) => {}
            (None, true) => return Reply::not_sent(panicked()),
            (Some(TransactionEnd::Unseen), _) => return ended_unseen(),
            (Some(_), _) => return Reply::not_sent(Error::NotInTransaction),
        }
        prelude.announced.start();
    }
    if let Some(sql) = &prelude.control
        && let Err(error) = connection.batch_execute(sql)
    {
        if prelude.begin.is_some() {
            // The session will count its transaction as not begun, so roll it back.
            let _nothing_to_undo = transaction::rollback(connection, state);
        }
        prelude.announced.failed(&error, false);
        return Reply::not_sent(error);
    }
    prelude.announced.succeeded();
    Reply::of(work(connection))
}

pub(super) fn ended_unseen<R>() -> Reply<R> {
    Reply::not_sent(SessionError::from(PartlyCommitted::EndedUnseen).into())
}

/// Runs a text, and checks afterwards whether the session's transaction is still open.
fn looked_after<R>(
    connection: &mut SqliteConnection,
    state: &ConnectionState,
    effects: SideEffects,
    mut work: impl FnMut(&mut SqliteConnection) -> QueryResult<R>,
) -> QueryResult<R> {
    if effects.may_change {
        state.set_unclean();
    }
    let work = |connection: &mut SqliteConnection| {
        noting_panic(state, || state.aloud(|| work(connection)))
            .unwrap_or_else(|| Err(panicked()))
            .map_err(|error| advise(error, effects.checkpoints))
    };
    if effects.end != End::Never {
        let mark = Mark::set(connection, state)?;
        // Half of the text may have run, so undo that before the next attempt.
        let may_wait =
            |connection: &mut SqliteConnection| !state.is_stopped() && mark.undo(connection, state);
        let result = transaction::wait(connection, state, work, may_wait);
        let rolled_back = effects.end == End::Rollback && result.is_ok();
        if rolled_back && !transaction::in_transaction(connection, state) {
            state.set_end(TransactionEnd::RolledBack);
        }
        mark.release(connection, state);
        return result;
    }
    // A failed statement may have rolled the transaction back. Repeated, it would run outside of
    // any transaction.
    let may_wait = |connection: &mut SqliteConnection| {
        !state.is_stopped() && transaction::in_transaction(connection, state)
    };
    let result = transaction::wait(connection, state, work, may_wait);
    // Some errors roll the whole transaction back. Record it, or later statements would run outside
    // of any transaction.
    if let Err(error) = &result
        && !transaction::in_transaction(connection, state)
    {
        let error = transaction::explained(error, state);
        state.set_rolled_back_by(error.that_rolled_back());
    }
    result
}

pub(super) fn load(
    connection: &mut SqliteConnection,
    collected: QueryResult<Collected>,
    state: &ConnectionState,
) -> QueryResult<Vec<Row>> {
    let Collected {
        query,
        effects,
        writes,
    } = collected?;
    let rows = looked_after(connection, state, effects, |connection| {
        rows(connection, &query, state)
    })?;
    if writes && !rows.is_empty() {
        state.set_written();
    }
    Ok(rows)
}

fn rows(
    connection: &mut SqliteConnection,
    query: &CollectedQuery<Binds>,
    stop: &ConnectionState,
) -> QueryResult<Vec<Row>> {
    let mut cache = <<<SqliteConnection as LoadConnection>::Row<'_, '_> as IntoOwnedRow<
        '_,
        <SqliteConnection as Connection>::Backend,
    >>::Cache as Default>::default();
    let mut rows = Vec::new();
    for row in LoadConnection::load(connection, query)? {
        if stop.is_stopped() {
            return Err(Error::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new("the query was cancelled".to_owned()),
            ));
        }
        rows.push(IntoOwnedRow::into_owned(row?, &mut cache));
    }
    Ok(rows)
}

pub(super) fn execute(
    connection: &mut SqliteConnection,
    collected: QueryResult<Collected>,
    state: &ConnectionState,
) -> QueryResult<usize> {
    let Collected { query, effects, .. } = collected?;
    looked_after(connection, state, effects, |connection| {
        connection.execute_returning_count(&query)
    })
}

pub(super) fn batch(
    connection: &mut SqliteConnection,
    sql: &str,
    state: &ConnectionState,
) -> QueryResult<()> {
    if sql.is_empty() {
        return Ok(());
    }
    let effects = SideEffects::of_batch(sql);
    looked_after(connection, state, effects, |connection| {
        connection.batch_execute(sql)
    })
}
