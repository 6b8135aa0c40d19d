//! Runs statements. Not generic over the query, so compiled once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream};
use futures_util::{FutureExt, TryFutureExt};

use super::connection::PgConnection;
use super::fragment::PgQuery;
use super::protocol::state::ProtocolState;
use super::statement_error;
use crate::driver::{Ahead, Reply};

/// One row of a result.
pub(super) type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// Runs a query after its prelude.
pub(super) fn load<'conn>(
    connection: &'conn mut PgConnection,
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<Rows>> {
    let (shared, rest) = connection.split_for_statement();
    let protocol_state = rest.protocol_state();
    let statement = rest.load(shared, query);
    rest.send(
        shared,
        ahead,
        statement.map_ok(|rows| Rows {
            rows,
            protocol_state,
        }),
    )
    .boxed()
}

/// [`load`] for a statement that returns a row count.
pub(super) fn execute<'conn>(
    connection: &'conn mut PgConnection,
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<usize>> {
    let (shared, rest) = connection.split_for_statement();
    let statement = rest.execute(shared, query);
    rest.send(shared, ahead, statement).boxed()
}

/// A query's rows. Errors among them are classified as in [`statement_error`].
#[allow(missing_debug_implementations)] // the rows have none
pub struct Rows {
    rows: BoxStream<'static, QueryResult<Row>>,
    protocol_state: Option<Arc<ProtocolState>>,
}

impl Stream for Rows {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = std::task::ready!(self.rows.as_mut().poll_next(cx));
        Poll::Ready(row.map(|row| {
            row.map_err(|error| statement_error::classified(error, self.protocol_state.as_deref()))
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}
