//! Statements on their way. Nothing here knows the type of a query.

use std::sync::Arc;

use diesel::QueryResult;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{BoxFuture, join};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use futures_util::{FutureExt, TryFutureExt};

use super::conflict;
use super::fragment::PgQuery;
use super::ledger::Ledger;
use super::link::PgLink;
use crate::driver::{Ahead, Reply};

/// One row of a result.
pub(super) type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;
/// Rows that were asked for.
pub(super) type Loading<'conn> =
    <&'conn AsyncPgConnection as AsyncConnectionCore>::LoadFuture<'conn, 'conn>;

/// Runs a query behind what goes ahead of it.
pub(super) fn load<'conn>(
    link: &'conn mut PgLink,
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<BoxStream<'conn, QueryResult<Row>>>> {
    let (shared, rest) = link.split();
    let ledger = rest.ledger();
    let statement = rest.load(shared, query);
    rest.send(shared, ahead, classified(statement, ledger))
        .boxed()
}

/// The same for a statement that returns a count.
pub(super) fn execute<'conn>(
    link: &'conn mut PgLink,
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<usize>> {
    let (shared, rest) = link.split();
    let statement = rest.execute(shared, query);
    rest.send(shared, ahead, statement).boxed()
}

/// A query's rows, with errors among them as [`conflict`] has them.
fn classified(
    statement: Loading<'_>,
    ledger: Option<Arc<Ledger>>,
) -> impl Future<Output = QueryResult<BoxStream<'_, QueryResult<Row>>>> + Send + Unpin {
    statement.map_ok(move |rows| {
        rows.map_err(move |error| conflict::classified(error, ledger.as_deref()))
            .boxed()
    })
}

/// Sends what goes ahead and the statement in one flight.
pub(super) async fn pipelined<T>(
    mut connection: &AsyncPgConnection,
    ahead: &str,
    statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
) -> Reply<T> {
    // `join` polls in order, so what goes ahead is queued first.
    let (ahead, result) = join(connection.batch_execute(ahead), statement).await;
    Reply { ahead, result }
}
