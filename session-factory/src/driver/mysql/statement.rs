//! Statements on their way, and whether the client has read their answers to the end.

use std::borrow::Cow;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::mysql::{Mysql, MysqlQueryBuilder};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{CollectedQuery, MoveableBindCollector, QueryBuilder, QueryFragment};
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncConnectionCore, AsyncMysqlConnection, SimpleAsyncConnection};
use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt};

use super::link::{MysqlLink, Rest};
use super::recover;
use crate::driver::{Prelude, Reply};
use crate::error::StatementError;
use crate::observe::Heard;

type Collector = RawBytesBindCollector<Mysql>;
type Row = <AsyncMysqlConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// A statement's SQL and binds, which may wait for what goes ahead of it.
pub(super) type Collected = QueryResult<CollectedQuery<Collector>>;

pub(super) fn collect(query: &dyn QueryFragment<Mysql>) -> Collected {
    let mut binds = Collector::new();
    query.collect_binds(&mut binds, &mut (), &Mysql)?;
    let mut sql = MysqlQueryBuilder::new();
    query.to_sql(&mut sql, &Mysql)?;
    let cacheable = query.is_safe_to_cache_prepared(&Mysql)?;
    Ok(CollectedQuery::new(
        sql.finish(),
        cacheable,
        binds.moveable(),
    ))
}

pub(super) async fn load(
    link: &mut MysqlLink,
    prelude: Prelude,
    query: Collected,
) -> Reply<BoxStream<'_, QueryResult<Row>>> {
    let query = match query {
        Ok(query) => query,
        Err(error) => return Reply::of(Err(error)),
    };
    let (connection, flight) = match start(link, prelude).await {
        Ok(started) => started,
        Err(error) => return Reply::not_sent(error),
    };
    match Heard::new(flight.rest.events(), || connection.load(query)).await {
        Ok(rows) => Reply::of(Ok(Rows::new(rows, flight).boxed())),
        Err(error) => Reply::of(Err(flight.failed(error))),
    }
}

pub(super) async fn execute(
    link: &mut MysqlLink,
    prelude: Prelude,
    query: Collected,
) -> Reply<usize> {
    let query = match query {
        Ok(query) => query,
        Err(error) => return Reply::of(Err(error)),
    };
    match start(link, prelude).await {
        Ok((connection, flight)) => {
            let events = flight.rest.events();
            let result = Heard::new(events, || connection.execute_returning_count(query)).await;
            Reply::of(flight.land(result))
        }
        Err(error) => Reply::not_sent(error),
    }
}

pub(super) async fn batch(link: &mut MysqlLink, prelude: Prelude, sql: String) -> Reply<()> {
    match start(link, prelude).await {
        Ok((_, flight)) if sql.is_empty() => Reply::of(flight.land(Ok(()))),
        Ok((connection, flight)) => {
            let events = flight.rest.events();
            let batch = std::pin::pin!(connection.batch_execute(&sql));
            let result = Heard::new(events, || batch).await;
            Reply::of(flight.land(result))
        }
        Err(error) => Reply::not_sent(error),
    }
}

/// Runs what goes ahead of a statement.
async fn start(
    link: &mut MysqlLink,
    prelude: Prelude,
) -> QueryResult<(&mut AsyncMysqlConnection, Flight<'_>)> {
    if link.rest().out_of_step {
        // Its server is done with the dropped statement before anybody hears that the connection is lost.
        recover::settle(link).await;
        return Err(Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection,
            Box::new(StatementError::connection(
                "a statement was dropped half-way on this connection, so no later one may run on it",
            )),
        ));
    }
    let mut text = prelude.text().map(Cow::into_owned);
    let (connection, rest) = link.split();
    if rest.own.is_none() && prelude.begin.is_some() {
        rest.given_up = None;
        // On a connection of the application's autocommit is as it has it.
        let options = prelude.begin.filter(|begin| !begin.is_empty());
        let parts = [
            options,
            Some("START TRANSACTION".into()),
            prelude.control.map(Cow::from),
        ];
        text = Some(parts.into_iter().flatten().collect::<Vec<_>>().join("; "));
    }
    let mut flight = Flight::start(rest);
    prelude.announced.start();
    if let Some(text) = text {
        let result = connection.batch_execute(&text).await;
        if let Err(error) = result {
            prelude.announced.failed(&error, false);
            return Err(flight.failed(error));
        }
        flight.said_before = flight.said();
    }
    prelude.announced.succeeded();
    Ok((connection, flight))
}

/// A statement under way. Dropped before it lands, the connection is out of step.
pub(super) struct Flight<'conn> {
    rest: &'conn mut Rest,
    said_before: u64,
}

impl<'conn> Flight<'conn> {
    pub(super) fn start(rest: &'conn mut Rest) -> Self {
        let said_before = rest.ledger().map_or(0, super::ledger::Ledger::errors);
        rest.out_of_step = true;
        Self { rest, said_before }
    }

    fn said(&self) -> u64 {
        self.rest.ledger().map_or(0, super::ledger::Ledger::errors)
    }

    /// The statement's future resolved.
    pub(super) fn land<T>(self, result: QueryResult<T>) -> QueryResult<T> {
        match result {
            Ok(value) => {
                self.rest.out_of_step = false;
                self.rest.half_read = false;
                Ok(value)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// It failed. What the server did not say is the client's own failure, after which nobody knows what it
    /// has read.
    fn failed(self, error: Error) -> Error {
        let error = self.rest.classified(error, self.said_before);
        match &error {
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => {}
            Error::DatabaseError(..) => {
                self.rest.out_of_step = false;
                self.rest.half_read = false;
            }
            _ => {
                // Before it was sent, or after it was read: cheap to find out.
                self.rest.out_of_step = false;
                self.rest.unverified = true;
            }
        }
        error
    }
}

/// The rows of a query, read one ahead: with the last row that anybody asks for, its end is read as well.
struct Rows<'conn> {
    inner: BoxStream<'conn, QueryResult<Row>>,
    read: VecDeque<QueryResult<Row>>,
    /// None once the reply was read to its end.
    flight: Option<Flight<'conn>>,
    /// The last poll left a packet half read.
    waiting: bool,
}

impl<'conn> Rows<'conn> {
    fn new(inner: BoxStream<'conn, QueryResult<Row>>, flight: Flight<'conn>) -> Self {
        Self {
            inner,
            read: VecDeque::with_capacity(2),
            flight: Some(flight),
            waiting: false,
        }
    }
}

impl Stream for Rows<'_> {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.flight.is_some() && this.read.len() < 2 {
            this.waiting = true;
            let row = std::task::ready!(this.inner.as_mut().poll_next(cx));
            this.waiting = false;
            match row {
                Some(Ok(row)) => this.read.push_back(Ok(row)),
                Some(Err(error)) => {
                    let flight = this.flight.take();
                    let error = match flight {
                        Some(flight) => flight.failed(error),
                        None => error,
                    };
                    this.read.push_back(Err(error));
                }
                None => {
                    if let Some(flight) = this.flight.take() {
                        let _rows_are_read = flight.land(Ok(()));
                    }
                }
            }
        }
        Poll::Ready(this.read.pop_front())
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if let (Some(flight), false) = (&mut self.flight, self.waiting) {
            // Between two rows the client knows where it is.
            flight.rest.out_of_step = false;
            flight.rest.half_read = true;
        }
    }
}
