//! Runs statements. Not generic over the query, so compiled once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::cancel::Canceller;
use super::fragment::{Key, Known, Loading, PgQuery};
use super::pipeline::pipelined;
use super::server_view::ServerView;
use super::sql::transaction_control::{self, Suspicion};
use super::statement_cache::client_cache::ClientCache;
use super::statement_error::classified;
use super::transaction_mark::{self, TransactionMarks};
use super::{failed_begin, fragment};
use crate::driver::{Prelude, Reply, TransactionStatus};
use crate::error::{AbortReason, Aborted, SessionError, StatementError};
use crate::observe::{Events, Instrumented, ObservedStatement};
use crate::runtime::driven::{Driven, Use};

/// Limit for ending a statement whose future was dropped. It is exceeded only if the caller leaked the future
/// (`mem::forget`) while rows were arriving: unread rows block the connection.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

const FORGOTTEN: &str = "a statement whose future was forgotten (mem::forget) keeps its rows, and the connection with them: it \
     is closed; drop such a future instead";

/// State for running statements. It is not part of diesel's connection, which a statement borrows while this changes.
pub(super) struct Statements {
    pub(super) canceller: Canceller,
    /// The text of the last BEGIN that succeeded on this connection. The same text may share a flight with a statement.
    proven_begin: Option<Cow<'static, str>>,
    marks: TransactionMarks,
    /// What the next statement may do to the transaction.
    suspicion: Suspicion,
    /// True if the next statement's whole text is ROLLBACK.
    rolls_back: bool,
    transaction: InTransaction,
    /// True if a statement whose future was leaked (`mem::forget`) blocks the connection: nothing more is sent.
    pub(super) is_stuck: bool,
    pub(super) view: ServerView,
    /// tokio-postgres's connection and its driver. `None` for an external pool's connection.
    driven: Option<Arc<Driven>>,
    pub(super) client_cache: ClientCache,
    /// Behind a pooler: the SET LOCAL for the statement timeout, sent with each BEGIN.
    pub(super) limit: Option<Box<str>>,
    pub(super) observer: Instrumented,
}

/// The driver's own notes on the current transaction.
#[derive(Debug, Default)]
struct InTransaction {
    /// At the session's last check, the open transaction was possibly not the one that the session began.
    doubted: bool,
    /// A mark was sent in this transaction, and no rollback by the session has undone it.
    marked: bool,
}

impl Statements {
    pub(super) fn new(view: ServerView, canceller: Canceller, driven: Option<Arc<Driven>>) -> Self {
        let observer = match view {
            ServerView::Watched(_) => Instrumented::default(),
            ServerView::External(_) => Instrumented::direct(),
        };
        Self {
            canceller,
            proven_begin: None,
            marks: TransactionMarks::default(),
            suspicion: Suspicion::None,
            rolls_back: false,
            transaction: InTransaction::default(),
            is_stuck: false,
            view,
            driven,
            client_cache: ClientCache::default(),
            limit: None,
            observer,
        }
    }

    /// Marks the connection as in use. Call before sending anything, and hold the result until the server has answered.
    pub(super) fn attend(&self) -> Option<Use> {
        self.driven.as_ref().map(Driven::attend)
    }

    /// Closes the connection now. An external pool's connection stays open.
    pub(super) fn close(&self) {
        if let Some(driven) = &self.driven {
            driven.close();
        }
    }

    /// Call when a transaction begins.
    pub(super) fn begin_watch(&mut self) {
        if let Some(driven) = &self.driven {
            driven.begin_turn();
        }
        self.transaction = InTransaction::default();
        self.view.begin_watch();
    }

    /// Records whether the session's check found the transaction in doubt.
    pub(super) fn set_doubted(&mut self, doubted: bool) {
        self.transaction.doubted = doubted;
    }

    /// Returns the receiver of a statement's events.
    pub(super) fn events(&mut self) -> Option<Events> {
        self.observer.events().cloned()
    }

    /// Reads the body's SQL before it is sent, to see whether it may end the transaction.
    pub(super) fn look_at(&mut self, text: &str) {
        self.suspicion = Suspicion::of(text, self.view.is_watched());
        self.rolls_back = is_rollback(text);
    }

    /// Returns the query's cache key, and its SQL if that was already built.
    fn known(&mut self, query: PgQuery<'_>) -> Known<'_> {
        self.known_and_suspicion(query).0
    }

    fn known_and_suspicion(&mut self, query: PgQuery<'_>) -> (Known<'_>, Suspicion) {
        self.suspicion = Suspicion::None;
        let known = if self.view.is_watched() {
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
            self.suspicion = Suspicion::of(text, self.view.is_watched());
            self.rolls_back = is_rollback(text);
        }
        (known, self.suspicion)
    }

    /// Sets a mark before SQL that the driver cannot read, unless the transaction has a mark already.
    pub(super) async fn mark(&mut self, connection: &AsyncPgConnection) {
        if self.view.is_in_doubt() {
            self.ask(connection).await;
        }
        if !self.transaction.marked && !self.view.has_failed() {
            self.transaction.marked = true;
            let text = self.marks.next();
            transaction_mark::send(connection, &text).await;
        }
        self.view.doubt_unseen(self.marks.sent(), false);
    }

    /// Asks the server whether the open transaction is still the one that the session began.
    pub(super) async fn ask(&mut self, connection: &AsyncPgConnection) {
        if let ServerView::Watched(protocol) = &self.view {
            if protocol.is_unsettled() {
                // Wait for the failed message's ReadyForQuery: it arrives before this empty query's answer.
                let mut queued = connection;
                let _lost = queued.batch_execute("").await;
            }
            if !protocol.is_in_doubt() {
                return;
            }
        }
        let answer = self.marks.ask(connection).await;
        self.view.answered(answer);
    }

    /// Prepares a query's future; polling it sends the query.
    pub(super) fn load<'conn>(
        &mut self,
        mut connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
    ) -> ObservedStatement<Loading<'conn>> {
        let events = self.events();
        if events.is_none() && self.client_cache.types().is_none() {
            // The frequent case.
            let known = self.known(query);
            return ObservedStatement::unobserved(fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::load(&mut connection, fragment)
            }));
        }
        let types = self.client_cache.types().cloned();
        let known = self.known(query);
        let taken = types.and_then(|types| types.take(query, &known));
        ObservedStatement::held(events.clone(), || {
            if let Some(taken) = taken {
                return taken.load(connection, events);
            }
            // The resulting future owns its SQL and binds.
            fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::load(&mut connection, fragment)
            })
        })
    }

    /// [`load`](Self::load) for a statement that returns a row count. Calls `look` with the statement's text, if that
    /// was built, and with what the statement may do to the transaction.
    pub(super) fn execute<'conn>(
        &mut self,
        mut connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
        look: impl FnOnce(Option<&str>, Suspicion),
    ) -> ObservedStatement<BoxFuture<'conn, QueryResult<usize>>> {
        let events = self.events();
        let types = self.client_cache.types().cloned();
        let (known, suspicion) = self.known_and_suspicion(query);
        look(known.text.as_deref(), suspicion);
        if events.is_none() && types.is_none() {
            // The frequent case.
            return ObservedStatement::unobserved(fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::execute_returning_count(&mut connection, fragment)
            }));
        }
        let taken = types.and_then(|types| types.take(query, &known));
        ObservedStatement::held(events.clone(), || {
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
        prelude: Prelude,
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
            // The body may have dropped a future of the raw connection before the server answered its statement.
            let settles = prelude.settle || self.view.awaits_an_end();
            if settles {
                // Rare futures are boxed, so that they do not enlarge every statement's future.
                if !Box::pin(settle(connection, &self.canceller, &self.view)).await {
                    self.is_stuck = true;
                    self.view.give_up(StatementError::connection(FORGOTTEN));
                }
                self.transaction.doubted |= self.view.is_in_doubt();
            }
            if self.is_stuck {
                return Reply::not_sent(self.view.why_closed().into());
            }
            // If the dropped statement was the body's COMMIT, a further statement would run outside the transaction. Its
            // answer may have been read on another thread since the session checked the transaction.
            if prelude.begin.is_none()
                && (settles || !self.view.goes_on())
                && let Some(error) = self.ended()
            {
                return Reply::not_sent(error.into());
            }
            let reply = if is_plain && !self.transaction.doubted {
                self.deliver(connection, &prelude, None, &mut statement)
                    .await
            } else {
                let delivered =
                    self.deliver_doubted(connection, prelude, suspicion, &mut statement);
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
            let result = reply.result.as_ref();
            let unsent = result.is_err_and(|error| self.view.is_unsent(error));
            Reply {
                unsent,
                ..reply.map_err(|error| classified(error, self.view.protocol()))
            }
        }
    }

    /// Returns the prelude and the mark as one text.
    fn prelude<'a>(&mut self, prelude: &'a Prelude, mark: Option<&str>) -> Option<Cow<'a, str>> {
        let control = prelude.control.as_deref();
        if control.is_some_and(|control| control.starts_with("ROLLBACK")) {
            self.transaction.marked = false;
        }
        let limit = self.limit.as_deref().filter(|_| prelude.begin.is_some());
        if limit.is_none() && mark.is_none() {
            return prelude.text();
        }
        let parts = [prelude.begin.as_deref(), limit, control, mark];
        Some(
            parts
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
                .into(),
        )
    }

    /// Runs a statement that may end the transaction, or the first statement after the transaction came into doubt.
    async fn deliver_doubted<T>(
        &mut self,
        connection: &AsyncPgConnection,
        mut prelude: Prelude,
        suspicion: Suspicion,
        statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
    ) -> Reply<T> {
        if std::mem::take(&mut self.transaction.doubted) {
            // Send the prelude first: a failed transaction cannot answer the query for the mark, and the prelude's
            // rollback to a savepoint makes such a transaction usable again.
            let first = std::mem::take(&mut prelude);
            if let Some(text) = self.prelude(&first, None) {
                let mut handle = connection;
                first.announced.start();
                let answer = handle.batch_execute(&text).await;
                first.announced.answered(&answer);
                if let Err(error) = answer {
                    return Reply::not_sent(error);
                }
            }
            if self.view.is_in_doubt() {
                self.ask(connection).await;
            }
            if let Some(error) = self.ended() {
                return Reply::not_sent(error.into());
            }
        }
        if suspicion == Suspicion::None {
            return self.deliver(connection, &prelude, None, statement).await;
        }
        let is_failed = self.view.has_failed();
        // A failed transaction cannot set a mark. The statement may roll back to a savepoint, so send it without one.
        let mark = (!is_failed || prelude.control.is_some()).then(|| self.marks.next());
        self.transaction.marked |= mark.is_some();
        let mut mark = mark.as_deref();
        if prelude.is_empty()
            && let Some(text) = mark.take()
        {
            transaction_mark::send(connection, text).await;
        }
        if suspicion == Suspicion::End {
            self.view.doubt_unseen(self.marks.sent(), self.rolls_back);
        }
        let reply = self.deliver(connection, &prelude, mark, statement).await;
        // Without protocol state, ask after each such statement, unless it failed: then the server cannot answer.
        let is_done = reply.prelude.is_ok() && reply.result.is_ok();
        if !self.view.is_watched() && is_done && self.view.is_in_doubt() {
            self.ask(connection).await;
        }
        reply
    }

    /// Returns the error for further statements, if the body ended the transaction.
    fn ended(&self) -> Option<SessionError> {
        Some(match self.view.ended_by_body()? {
            TransactionStatus::Parted(parts) => parts.into(),
            TransactionStatus::Refused(error) => {
                Aborted::new(AbortReason::CommitByBody(error)).into()
            }
            _ => Aborted::new(AbortReason::EndedByBody).into(),
        })
    }

    async fn deliver<T>(
        &mut self,
        connection: &AsyncPgConnection,
        prelude: &Prelude,
        mark: Option<&str>,
        statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
    ) -> Reply<T> {
        let mut handle = connection;
        prelude.announced.start();
        let Some(text) = self.prelude(prelude, mark) else {
            return Reply::of(statement.await);
        };
        // If BEGIN fails, a statement in the same flight runs in autocommit. So await a new BEGIN's answer before the
        // statement is sent. A BEGIN that has succeeded before can fail only on a server that stalls.
        if prelude.begin.is_some() && prelude.begin != self.proven_begin {
            if let Err(error) = Box::pin(handle.batch_execute(&text)).await {
                prelude.announced.failed(&error, false);
                return Reply::not_sent(error);
            }
            prelude.announced.succeeded();
            self.proven_begin.clone_from(&prelude.begin);
            return Reply::of(statement.await);
        }
        let reply = pipelined(connection, &text, Some(&prelude.announced), statement).await;
        if prelude.begin.is_some() && reply.prelude.is_err() {
            failed_begin::report(reply, self.view.protocol())
        } else {
            reply
        }
    }
}

fn is_rollback(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("rollback")
}

/// Ends a statement whose future was dropped. Returns false if it has not ended within [`SETTLE_LIMIT`]. The caller
/// then rolls the statement back, at least to a savepoint.
async fn settle(
    mut connection: &AsyncPgConnection,
    canceller: &Canceller,
    view: &ServerView,
) -> bool {
    let mut queued = connection;
    let canceller = canceller.clone().by_itself_only();
    let ended = async {
        let late = canceller.rest().await;
        // The statement may not yet be written to the socket. This empty query queues after it, so the query's answer
        // shows that the server has finished the statement.
        let since = view.runs_since();
        let behind = queued.batch_execute("");
        let something_runs = || view.runs_something(true);
        let (_answered, cancelled) = canceller.until(behind, since, something_runs).await;
        if late || cancelled {
            canceller.rest().await;
            // A cancel request that arrives late hits this empty query instead of the next statement.
            let _late = connection.batch_execute("").await;
        }
    };
    // Use timers of the background runtime, because the caller's runtime may have none.
    let ended = async { timeout(SETTLE_LIMIT, ended).await };
    let ended = crate::runtime::within(ended).await;
    // The connection could not exist without the background runtime, so `within` cannot fail here.
    ended.is_ok_and(|ended| ended.is_ok())
}
