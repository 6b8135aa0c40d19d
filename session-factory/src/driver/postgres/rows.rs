//! A query's rows, which the connection owns until they are read or dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};
use futures_util::stream::{BoxStream, Stream};

use super::protocol::state::ProtocolState;
use super::statement_error;

/// One row of a result.
type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// Rows that have not been read. Until they are dropped, tokio-postgres may wait for room for the server's next
/// messages, and then passes on no answer to a later statement. So the connection owns them: rows that the caller
/// leaked (`mem::forget`) are dropped at the connection's next use.
pub(super) type Unread = Option<BoxStream<'static, QueryResult<Row>>>;

/// A query's rows. Errors among them are classified as in [`statement_error`].
#[allow(missing_debug_implementations)] // the rows have none
pub struct Rows<'conn> {
    unread: &'conn mut Unread,
    protocol_state: Option<Arc<ProtocolState>>,
}

impl<'conn> Rows<'conn> {
    pub(super) fn new(
        unread: &'conn mut Unread,
        rows: BoxStream<'static, QueryResult<Row>>,
        protocol_state: Option<Arc<ProtocolState>>,
    ) -> Self {
        *unread = Some(rows);
        Self {
            unread,
            protocol_state,
        }
    }
}

impl Stream for Rows<'_> {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(rows) = this.unread else {
            return Poll::Ready(None);
        };
        let row = std::task::ready!(rows.as_mut().poll_next(cx));
        Poll::Ready(row.map(|row| {
            row.map_err(|error| statement_error::classified(error, this.protocol_state.as_deref()))
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.unread.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        *self.unread = None;
    }
}
