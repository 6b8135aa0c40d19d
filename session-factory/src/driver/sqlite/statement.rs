//! Statements: taken apart on the caller's thread, run on the connection's.

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

use super::facts::Facts;
use super::job::Lost;
use super::link::SqliteLink;
use super::script::{self, Control, begins_with};
use super::writers::Turn;
use super::{Wrapper, begin, lent, raw};
use crate::driver::{Ahead, Reply, as_conflict};

type Collector<'a> = <Sqlite as Backend>::BindCollector<'a>;
type Binds = <Collector<'static> as MoveableBindCollector<Sqlite>>::BindData;
type Row = <Wrapper as AsyncConnectionCore>::Row<'static, 'static>;

/// A statement's SQL and binds, which may go to another thread.
pub(super) struct Collected {
    query: CollectedQuery<Binds>,
    control: Option<Control>,
    writes: bool,
}

pub(super) fn collect(query: &dyn QueryFragment<Sqlite>) -> QueryResult<Collected> {
    let mut binds = Collector::default();
    query.collect_binds(&mut binds, &mut (), &Sqlite)?;
    let mut sql = SqliteQueryBuilder::default();
    query.to_sql(&mut sql, &Sqlite)?;
    let sql = sql.finish();
    let control = script::first(&sql);
    let writes = begins_with(&sql, &["INSERT", "UPDATE", "DELETE", "REPLACE"]);
    let cacheable = query.is_safe_to_cache_prepared(&Sqlite)?;
    Ok(Collected {
        query: CollectedQuery::new(sql, cacheable, binds.moveable()),
        control,
        writes,
    })
}

/// Runs `work` behind what has to go ahead of it, in one piece.
pub(super) async fn run<R>(
    link: &mut SqliteLink,
    ahead: Ahead,
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<R> + Send + 'static,
) -> Reply<R>
where
    R: Send + 'static,
{
    if let Err(reply) = make_ready(link, &ahead).await {
        return reply;
    }
    let facts = link.stop();
    let turn = link.turn().map(Arc::clone);
    let reply = link
        .job(move |connection| in_order(connection, &ahead, &facts, turn.as_deref(), work))
        .await;
    answer(reply)
}

/// Before a transaction begins: the connection has to be here, and one that may write waits for its turn.
///
/// # Errors
/// What becomes of the statement otherwise.
pub(super) async fn make_ready<R>(link: &mut SqliteLink, ahead: &Ahead) -> Result<(), Reply<R>> {
    if let Some(begin) = &ahead.begin {
        link.reclaim().await.map_err(Reply::not_sent)?;
        if begin == begin::IMMEDIATE {
            link.take_turn();
        }
    }
    Ok(())
}

pub(super) fn answer<R>(reply: Result<Reply<R>, Lost>) -> Reply<R> {
    match reply {
        Ok(reply) => reply.map_err(classified),
        Err(Lost::Before(error)) => Reply::not_sent(error),
        Err(Lost::During(error)) => Reply::of(Err(error)),
    }
}

/// `SQLITE_BUSY` has no kind of its own in diesel.
fn classified(error: Error) -> Error {
    if begin::is_busy(&error) {
        as_conflict(error)
    } else {
        error
    }
}

/// The result of a statement, and whether the transaction has to be looked after.
pub(super) type Outcome<R> = (QueryResult<R>, bool);

pub(super) fn in_order<R>(
    connection: &mut SqliteConnection,
    ahead: &Ahead,
    facts: &Facts,
    turn: Option<&Turn>,
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<R>,
) -> Reply<R> {
    let reply = behind(connection, ahead, facts, work);
    let not_begun = ahead.begin.is_some() && reply.ahead.is_err();
    if let Some(turn) = turn
        && (not_begun || facts.ended().is_some() && !begin::in_transaction(connection))
    {
        turn.over();
    }
    reply
}

fn behind<R>(
    connection: &mut SqliteConnection,
    ahead: &Ahead,
    facts: &Facts,
    work: impl FnOnce(&mut SqliteConnection) -> Outcome<R>,
) -> Reply<R> {
    if let Some(sql) = &ahead.begin {
        // What the body did on the raw connection was another transaction.
        let _over = facts.take_raw().map(|_| lent::leave(connection));
        if let Err(error) = begin::begin(connection, sql, facts) {
            return Reply::not_sent(error);
        }
    } else {
        raw::leave(connection, facts);
        if facts.ended().is_some() {
            // A statement on the raw connection has ended the transaction: what comes now would be in none.
            look_after(connection, facts);
            return Reply::not_sent(Error::NotInTransaction);
        }
    }
    if let Some(sql) = &ahead.control
        && let Err(error) = connection.batch_execute(sql)
    {
        if ahead.begin.is_some() {
            // The session takes it for not begun.
            let _nothing_to_undo = begin::rollback(connection, facts);
        }
        return Reply::not_sent(error);
    }
    let (result, may_have_ended) = work(connection);
    // Some errors roll the whole transaction back, and a raw COMMIT or ROLLBACK ends it: what came after would run
    // outside of any, or in one that is not the session's.
    if result.is_err() || may_have_ended {
        look_after(connection, facts);
    }
    Reply::of(result)
}

/// Finds out whether the session's transaction is still there. One that was begun behind its end is nobody's.
pub(super) fn look_after(connection: &mut SqliteConnection, facts: &Facts) {
    let open = begin::in_transaction(connection);
    facts.with_ends(|ends| ends.found(open));
    if open && facts.ended().is_some() && connection.batch_execute("ROLLBACK").is_ok() {
        facts.with_ends(|ends| ends.found(false));
    }
}

pub(super) fn load(
    connection: &mut SqliteConnection,
    collected: QueryResult<Collected>,
    stop: &Facts,
) -> Outcome<Vec<Row>> {
    match collected {
        Ok(Collected {
            query,
            control,
            writes,
        }) => {
            let rows = rows(connection, &query, stop);
            if writes && rows.as_ref().is_ok_and(|rows| !rows.is_empty()) {
                stop.set_written();
            }
            let noted = note(control, rows.is_ok(), stop);
            (rows, noted)
        }
        Err(error) => (Err(error), false),
    }
}

fn rows(
    connection: &mut SqliteConnection,
    query: &CollectedQuery<Binds>,
    stop: &Facts,
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
    facts: &Facts,
) -> Outcome<usize> {
    match collected {
        Ok(Collected { query, control, .. }) => {
            let count = connection.execute_returning_count(&query);
            let noted = note(control, count.is_ok(), facts);
            (count, noted)
        }
        Err(error) => (Err(error), false),
    }
}

/// Notes what a statement has done besides. True when the transaction has to be looked after.
fn note(control: Option<Control>, succeeded: bool, facts: &Facts) -> bool {
    let Some(control) = control else { return false };
    if control.unclean {
        facts.set_unclean();
    }
    if succeeded {
        facts.with_ends(|ends| ends.ran(&control.kind));
    }
    control.kind.is_control()
}

pub(super) fn batch(connection: &mut SqliteConnection, sql: &str, facts: &Facts) -> Outcome<()> {
    if sql.is_empty() {
        return (Ok(()), false);
    }
    if script::is_plain(sql) {
        return (connection.batch_execute(sql), false);
    }
    let statements: Vec<_> = script::statements(sql).collect();
    if statements.iter().any(|statement| statement.unclean) {
        facts.set_unclean();
    }
    if !statements
        .iter()
        .any(|statement| statement.kind.is_control())
    {
        return (connection.batch_execute(sql), false);
    }
    // One by one: of a text that fails half-way nobody would know how far it came.
    for statement in statements {
        if let Err(error) = connection.batch_execute(statement.text) {
            return (Err(error), true);
        }
        facts.with_ends(|ends| ends.ran(&statement.kind));
    }
    (Ok(()), true)
}
