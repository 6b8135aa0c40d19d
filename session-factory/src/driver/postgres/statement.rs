//! Runs statements. Not generic over the query, so compiled once.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Stream};
use futures_util::{FutureExt, TryFutureExt};

use super::cancel::Canceller;
use super::ended_by_body::{Unseen, end_by_body, end_unseen};
use super::fragment::{Key, Known, Loading, PgQuery};
use super::mark::{self, Marks};
use super::pipeline::pipelined;
use super::protocol::state::{ProtocolState, Status};
use super::sql::transaction_control::{self, Suspicion};
use super::statement_cache::client_cache::ClientCache;
use super::statement_error::classified;
use super::{failed_begin, fragment};
use crate::driver::{Ahead, Reply, Watched};
use crate::error::{AbortReason, Aborted, SessionError};
use crate::observe::{Events, Heard, Instrumented};
use crate::runtime::driven::{Driven, Use};

/// One row of a result.
pub(super) type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// The part that stays mutable while a statement borrows the diesel connection.
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(super) struct Rest {
    pub(super) canceller: Canceller,
    /// A BEGIN that has succeeded on this connection: from then on it may share a flight with a statement.
    pub(super) taken: Option<Cow<'static, str>>,
    /// The body has, or had, the raw connection in this transaction.
    pub(super) raw: bool,
    pub(super) condemned: bool,
    /// COMMIT was sent, and its outcome is unknown so far.
    pub(super) committing: bool,
    pub(super) marks: Marks,
    /// What the next statement may do to the transaction.
    pub(super) suspicion: Suspicion,
    /// The next statement is ROLLBACK alone.
    pub(super) rolls_back: bool,
    /// The transaction was in doubt at the session's last check.
    pub(super) doubted: bool,
    /// The transaction has a mark, and no rollback by the session has put it back.
    pub(super) marked: bool,
    pub(super) unseen: Unseen,
    pub(super) protocol_state: Option<Arc<ProtocolState>>,
    /// tokio-postgres's connection and its driver. `None` for an external pool's connection.
    pub(super) driven: Option<Arc<Driven>>,
    /// The body has the raw connection, and may send at any time.
    pub(super) lent: Option<Use>,
    pub(super) client_cache: ClientCache,
    /// Behind a pooler: the SET LOCAL for the statement timeout, sent with each BEGIN.
    pub(super) limit: Option<Box<str>>,
    pub(super) observer: Instrumented,
}

/// Runs a query after its prelude.
pub(super) fn load<'conn>(
    (shared, rest): (&'conn AsyncPgConnection, &'conn mut Rest),
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<Rows>> {
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
    (shared, rest): (&'conn AsyncPgConnection, &'conn mut Rest),
    ahead: Ahead,
    query: PgQuery<'_>,
) -> BoxFuture<'conn, Reply<usize>> {
    let statement = rest.execute(shared, query);
    rest.send(shared, ahead, statement).boxed()
}

/// A query's rows. Errors among them are classified as in [`classified`].
#[allow(missing_debug_implementations)] // the rows have none
pub struct Rows {
    rows: BoxStream<'static, QueryResult<Row>>,
    protocol_state: Option<Arc<ProtocolState>>,
}

impl Stream for Rows {
    type Item = QueryResult<Row>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = std::task::ready!(self.rows.as_mut().poll_next(cx));
        Poll::Ready(
            row.map(|row| row.map_err(|error| classified(error, self.protocol_state.as_deref()))),
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl Rest {
    /// Call before anything is sent, and keep the result until the answer has come.
    pub(super) fn attend(&self) -> Option<Use> {
        self.driven.as_ref().map(Driven::attend)
    }

    /// The receiver of a statement's events.
    pub(super) fn events(&mut self) -> Option<Events> {
        self.observer.events().cloned()
    }

    pub(super) fn protocol_state(&self) -> Option<Arc<ProtocolState>> {
        self.protocol_state.clone()
    }

    /// Reads the body's SQL before it is sent.
    pub(super) fn look_at(&mut self, text: &str) {
        self.suspicion = Suspicion::of(text, self.protocol_state.is_some());
        self.rolls_back = is_rollback(text);
    }

    /// The query's cache key, and its SQL if it is at hand.
    fn known(&mut self, query: PgQuery<'_>) -> Known<'_> {
        self.known_and_suspicion(query).0
    }

    fn known_and_suspicion(&mut self, query: PgQuery<'_>) -> (Known<'_>, Suspicion) {
        self.suspicion = Suspicion::None;
        let known = if self.protocol_state.is_some() {
            self.client_cache.look_at(query)
        } else {
            // The cache size of an external pool's connection is unknown, so leave the caching to diesel.
            Known {
                key: Key::Type(None),
                text: fragment::sql(query).ok().map(Cow::Owned),
            }
        };
        // A borrowed text comes from the cache and was checked when it was built.
        if let Some(Cow::Owned(text)) = &known.text
            && !transaction_control::is_query(text)
        {
            self.suspicion = Suspicion::of(text, self.protocol_state.is_some());
            self.rolls_back = is_rollback(text);
        }
        (known, self.suspicion)
    }

    /// Sends a mark ahead of SQL that the driver cannot read, unless the transaction has one.
    pub(super) async fn mark(&mut self, connection: &AsyncPgConnection) {
        if self.is_in_doubt() {
            self.ask(connection).await;
        }
        let failed =
            |protocol_state: &Arc<ProtocolState>| protocol_state.status() == Status::Failed;
        if !self.marked && !self.protocol_state.as_ref().is_some_and(failed) {
            self.marked = true;
            let text = self.marks.next();
            mark::send(connection, &text).await;
        }
        self.doubt_unseen(false);
    }

    /// Without protocol state: records that the next statement may end the transaction.
    fn doubt_unseen(&mut self, rolls_back: bool) {
        if self.protocol_state.is_none() && self.unseen == Unseen::Open {
            self.unseen = Unseen::InDoubt {
                mark: self.marks.sent(),
                rolls_back,
            };
        }
    }

    /// True if the open transaction may be another than the session began, and the server can say which.
    pub(super) fn is_in_doubt(&self) -> bool {
        match &self.protocol_state {
            Some(protocol_state) => protocol_state.is_in_doubt(),
            None => matches!(self.unseen, Unseen::InDoubt { .. }),
        }
    }

    pub(super) async fn ask(&mut self, connection: &AsyncPgConnection) {
        if let Some(protocol_state) = &self.protocol_state {
            if protocol_state.is_unsettled() {
                // This empty query's answer arrives after the failed message's ReadyForQuery.
                let mut queued = connection;
                let _lost = queued.batch_execute("").await;
            }
            if !protocol_state.is_in_doubt() {
                return;
            }
        }
        let answer = self.marks.ask(connection).await;
        if let Some(protocol_state) = &self.protocol_state {
            protocol_state.answered(answer);
        } else if let Unseen::InDoubt { mark, rolls_back } = self.unseen {
            self.unseen = if answer.is_some_and(|answer| answer <= mark) {
                Unseen::Open
            } else {
                Unseen::Ended {
                    rolled_back: rolls_back,
                }
            };
        }
    }

    /// Prepares a query's future; polling it sends the query.
    pub(super) fn load<'conn>(
        &mut self,
        mut connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
    ) -> Heard<Loading<'conn>> {
        let events = self.events();
        if events.is_none() && self.client_cache.types().is_none() {
            // The frequent case.
            let known = self.known(query);
            return Heard::unheard(fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::load(&mut connection, fragment)
            }));
        }
        let types = self.client_cache.types().cloned();
        let known = self.known(query);
        let taken = types.and_then(|types| types.take(query, &known));
        Heard::held(events.clone(), || {
            if let Some(taken) = taken {
                return taken.load(connection, events);
            }
            // The resulting future owns its SQL and binds.
            fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::load(&mut connection, fragment)
            })
        })
    }

    /// [`load`](Self::load) for a statement that returns a row count.
    pub(super) fn execute<'conn>(
        &mut self,
        connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
    ) -> Heard<BoxFuture<'conn, QueryResult<usize>>> {
        self.execute_shown(connection, query, |_, _| ())
    }

    /// [`execute`](Self::execute) that also passes the statement's text, if built, and suspicion to `look`.
    pub(super) fn execute_shown<'conn>(
        &mut self,
        mut connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
        look: impl FnOnce(Option<&str>, Suspicion),
    ) -> Heard<BoxFuture<'conn, QueryResult<usize>>> {
        let events = self.events();
        let types = self.client_cache.types().cloned();
        let (known, suspicion) = self.known_and_suspicion(query);
        look(known.text.as_deref(), suspicion);
        if events.is_none() && types.is_none() {
            // The frequent case.
            return Heard::unheard(fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::execute_returning_count(&mut connection, fragment)
            }));
        }
        let taken = types.and_then(|types| types.take(query, &known));
        Heard::held(events.clone(), || {
            if let Some(taken) = taken {
                return taken.execute(connection, events);
            }
            fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::execute_returning_count(&mut connection, fragment)
            })
        })
    }

    /// Runs a statement after its prelude.
    ///
    /// Returns `impl Future` and takes an `Unpin` statement: an `async fn` future would hold each argument twice.
    #[allow(clippy::manual_async_fn)] // see above
    pub(super) fn send<'a, T, S>(
        &'a mut self,
        connection: &'a AsyncPgConnection,
        ahead: Ahead,
        mut statement: S,
    ) -> impl Future<Output = Reply<T>> + Send + 'a
    where
        T: Send + 'a,
        S: Future<Output = QueryResult<T>> + Send + Unpin + 'a,
    {
        let suspicion = std::mem::take(&mut self.suspicion);
        let is_plain = suspicion == Suspicion::None;
        let fresh = self
            .client_cache
            .statement_cache
            .sql_text_cache()
            .fresh()
            .filter(|_| is_plain);
        async move {
            let _used = self.attend();
            if ahead.settle {
                // Rare futures are boxed, so that they do not enlarge every statement's future.
                Box::pin(settle(
                    connection,
                    &self.canceller,
                    self.protocol_state.as_deref(),
                ))
                .await;
                self.doubted |= self.is_in_doubt();
            }
            let reply = if is_plain && !self.doubted {
                self.deliver(connection, &ahead, None, &mut statement).await
            } else {
                let delivered = self.deliver_doubted(connection, ahead, suspicion, &mut statement);
                Box::pin(delivered).await
            };
            if let Some(fresh) = fresh
                && reply.result.is_ok()
            {
                self.client_cache
                    .statement_cache
                    .sql_text_cache()
                    .keep(fresh);
            }
            let protocol_state = self.protocol_state.as_deref();
            let unsent = reply
                .result
                .as_ref()
                .is_err_and(|error| is_unsent(error, protocol_state));
            Reply {
                unsent,
                ..reply.map_err(|error| classified(error, protocol_state))
            }
        }
    }

    /// The prelude and the mark as one text.
    fn ahead<'a>(&mut self, ahead: &'a Ahead, mark: Option<&str>) -> Option<Cow<'a, str>> {
        let control = ahead.control.as_deref();
        if control.is_some_and(|control| control.starts_with("ROLLBACK")) {
            self.marked = false;
        }
        let limit = self.limit.as_deref().filter(|_| ahead.begin.is_some());
        if limit.is_none() && mark.is_none() {
            return ahead.text();
        }
        let parts = [ahead.begin.as_deref(), limit, control, mark];
        Some(
            parts
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
                .into(),
        )
    }

    /// Runs a statement that may end the transaction, or the first one after such a statement.
    async fn deliver_doubted<T>(
        &mut self,
        connection: &AsyncPgConnection,
        mut ahead: Ahead,
        suspicion: Suspicion,
        statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
    ) -> Reply<T> {
        if std::mem::take(&mut self.doubted) {
            // Send the prelude first: its rollback to a savepoint revives a failed transaction, which cannot answer the
            // query for the mark.
            let first = std::mem::take(&mut ahead);
            if let Some(text) = self.ahead(&first, None) {
                let mut handle = connection;
                first.announced.start();
                let answer = handle.batch_execute(&text).await;
                first.announced.answered(&answer);
                if let Err(error) = answer {
                    return Reply::not_sent(error);
                }
            }
            if self.is_in_doubt() {
                self.ask(connection).await;
            }
            if let Some(error) = self.ended() {
                return Reply::not_sent(error.into());
            }
        }
        if suspicion == Suspicion::None {
            return self.deliver(connection, &ahead, None, statement).await;
        }
        let is_failed = self
            .protocol_state
            .as_ref()
            .is_some_and(|protocol_state| protocol_state.status() == Status::Failed);
        // A failed transaction cannot set a mark. The statement may roll back to a savepoint, so send it without one.
        let mark = (!is_failed || ahead.control.is_some()).then(|| self.marks.next());
        self.marked |= mark.is_some();
        let mut mark = mark.as_deref();
        if ahead.is_empty()
            && let Some(text) = mark.take()
        {
            mark::send(connection, text).await;
        }
        if suspicion == Suspicion::End {
            self.doubt_unseen(self.rolls_back);
        }
        let reply = self.deliver(connection, &ahead, mark, statement).await;
        // Without protocol state, ask after each such statement. A failed transaction cannot answer.
        let is_done = reply.ahead.is_ok() && reply.result.is_ok();
        if self.protocol_state.is_none() && is_done && self.is_in_doubt() {
            self.ask(connection).await;
        }
        reply
    }

    /// The error for further statements, if the body ended the transaction.
    fn ended(&self) -> Option<SessionError> {
        let end = match &self.protocol_state {
            Some(protocol_state) => end_by_body(&protocol_state.standing())?,
            None => end_unseen(self.unseen)?,
        };
        Some(match end {
            Watched::Parted(parts) => parts.into(),
            _ => Aborted::new(AbortReason::EndedByBody).into(),
        })
    }

    async fn deliver<T>(
        &mut self,
        connection: &AsyncPgConnection,
        ahead: &Ahead,
        mark: Option<&str>,
        statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
    ) -> Reply<T> {
        let mut handle = connection;
        ahead.announced.start();
        let Some(text) = self.ahead(ahead, mark) else {
            return Reply::of(statement.await);
        };
        // If BEGIN fails, a statement in the same flight runs in autocommit. So await a new BEGIN's answer before the
        // statement is sent. A BEGIN that has succeeded once can then fail only on a server that stalls.
        if ahead.begin.is_some() && ahead.begin != self.taken {
            if let Err(error) = Box::pin(handle.batch_execute(&text)).await {
                ahead.announced.failed(&error, false);
                return Reply::not_sent(error);
            }
            ahead.announced.succeeded();
            self.taken.clone_from(&ahead.begin);
            return Reply::of(statement.await);
        }
        let reply = pipelined(connection, &text, Some(&ahead.announced), statement).await;
        if ahead.begin.is_some() && reply.ahead.is_err() {
            failed_begin::report(reply, self.protocol_state.as_deref())
        } else {
            reply
        }
    }
}

/// True for the client's own errors: too many binds, a value that cannot be serialized, a query that cannot be built.
fn is_unsent(error: &Error, protocol_state: Option<&ProtocolState>) -> bool {
    match protocol_state {
        // A server error would have failed the transaction or closed the connection.
        Some(protocol_state) => {
            protocol_state.status() == Status::InTransaction && !protocol_state.is_closed()
        }
        None => matches!(
            error,
            Error::QueryBuilderError(_)
                | Error::SerializationError(_)
                | Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
        ),
    }
}

fn is_rollback(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("rollback")
}

/// Ends a statement whose future was dropped. The caller then rolls it back, at least to a savepoint.
async fn settle(
    mut connection: &AsyncPgConnection,
    canceller: &Canceller,
    protocol_state: Option<&ProtocolState>,
) {
    let mut queued = connection;
    let canceller = canceller.clone().by_itself_only();
    let ended = async {
        let late = canceller.rest().await;
        // This empty query queues after the statement, which may not yet be written. Its answer shows that the server
        // has finished the statement.
        let since = protocol_state.and_then(ProtocolState::runs_since);
        let behind = queued.batch_execute("");
        let something_runs = || {
            protocol_state.is_none_or(|protocol_state| {
                protocol_state.unanswered() > 1 && !protocol_state.is_beginning()
            })
        };
        let (_answered, cancelled) = canceller.until(behind, since, something_runs).await;
        if late || cancelled {
            canceller.rest().await;
            // A late cancel request hits this empty query instead of the next statement.
            let _late = connection.batch_execute("").await;
        }
    };
    // The connection could not exist without the background runtime, so this error cannot occur here.
    let _no_runtime = crate::runtime::within(ended).await;
}
