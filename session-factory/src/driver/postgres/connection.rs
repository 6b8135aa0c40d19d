//! One connection to PostgreSQL and what is known about it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::{CacheSize, TransactionDepthChange};
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, AsyncPgConnection,
    SimpleAsyncConnection, TransactionManager,
};
use futures_util::future::BoxFuture;

use tokio::task::AbortHandle;

use super::cancel::Canceller;
use super::ended_by_body::{Unseen, end_by_body, end_unseen};
use super::fragment::{Key, Known, Loading, PgQuery};
use super::mark::{self, Marks};
use super::pipeline::pipelined;
use super::protocol::lsn;
use super::protocol::state::{ProtocolState, Status};
use super::protocol::transaction_end::TransactionEnd;
use super::sql::reset;
use super::sql::statement_timeout::milliseconds;
use super::sql::transaction_control::{self, Suspicion};
use super::statement_cache::client_cache::ClientCache;
use super::statement_error::classified;
use super::{failed_begin, fragment};
use crate::driver::{Ahead, Isolation, Kill, LogPosition as Position, Reply, Watched};
use crate::error::{AbortReason, Aborted, SessionError, StatementError, StatementErrorKind};
use crate::observe::{Events, Heard, Observer};

type Foreign = bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncPgConnection>>;

/// What the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub struct PgConnection {
    held: Held,
    /// None for a connection of the application's pool: its stream is not ours to watch.
    protocol_state: Option<Arc<ProtocolState>>,
    rest: Rest,
    /// The task that moves the connection's bytes.
    driving: Option<AbortHandle>,
    /// Statements are not kept prepared.
    uncached: bool,
    /// What BEGIN without a level means.
    isolation: Option<Isolation>,
    /// COMMIT asks where in the log it is.
    asks: bool,
    /// The last transaction was committed by a COMMIT of ours.
    committed: bool,
    /// A pooler is in between.
    pooled: bool,
    /// What ends the transaction puts the server session back as well.
    resets: bool,
    /// On a replica: how far it was when it was last asked.
    replayed: Option<Position>,
    /// None for a connection of the application's pool.
    kill: Option<Kill>,
}

enum Held {
    Own(Box<AsyncPgConnection>),
    Foreign(Box<Foreign>),
}

/// The part that is changed while the diesel connection is lent to a statement.
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(super) struct Rest {
    canceller: Canceller,
    /// The BEGIN that this connection has taken once: from then on it may travel with a statement.
    taken: Option<Cow<'static, str>>,
    /// The raw connection was handed out in this transaction.
    raw: bool,
    condemned: bool,
    /// COMMIT was sent, and its answer has not come.
    committing: bool,
    marks: Marks,
    /// What the statement that goes next may do to the transaction.
    suspicion: Suspicion,
    /// It is ROLLBACK, and nothing else.
    rolls_back: bool,
    /// When the session looked last, the transaction was in doubt.
    doubted: bool,
    /// The transaction has a mark, and nothing of ours has put it back.
    marked: bool,
    unseen: Unseen,
    protocol_state: Option<Arc<ProtocolState>>,
    client_cache: ClientCache,
    /// Behind a pooler: what goes with each BEGIN.
    limit: Option<Box<str>>,
    observer: Observer,
}

impl PgConnection {
    pub(super) fn own(
        connection: AsyncPgConnection,
        protocol_state: Arc<ProtocolState>,
        canceller: Canceller,
        driving: AbortHandle,
    ) -> Self {
        let kill = kill(
            canceller.clone(),
            driving.clone(),
            Arc::clone(&protocol_state),
        );
        Self {
            held: Held::Own(Box::new(connection)),
            rest: Rest {
                canceller,
                taken: None,
                raw: false,
                condemned: false,
                committing: false,
                marks: Marks::default(),
                suspicion: Suspicion::None,
                rolls_back: false,
                doubted: false,
                marked: false,
                unseen: Unseen::default(),
                protocol_state: Some(Arc::clone(&protocol_state)),
                client_cache: ClientCache::default(),
                limit: None,
                observer: Observer::default(),
            },
            protocol_state: Some(protocol_state),
            driving: Some(driving),
            uncached: false,
            isolation: None,
            asks: false,
            committed: false,
            pooled: false,
            resets: false,
            replayed: None,
            kill: Some(kill),
        }
    }

    pub(super) fn foreign(connection: Foreign) -> Self {
        let token = connection.cancel_token();
        Self {
            held: Held::Foreign(Box::new(connection)),
            protocol_state: None,
            driving: None,
            uncached: false,
            isolation: None,
            asks: false,
            committed: false,
            pooled: false,
            resets: false,
            replayed: None,
            kill: None,
            rest: Rest {
                canceller: Canceller::unaddressed(token),
                taken: None,
                raw: false,
                condemned: false,
                committing: false,
                marks: Marks::default(),
                suspicion: Suspicion::None,
                rolls_back: false,
                doubted: false,
                marked: false,
                unseen: Unseen::default(),
                protocol_state: None,
                client_cache: ClientCache::default(),
                limit: None,
                observer: Observer::direct(),
            },
        }
    }

    /// Who listens.
    pub(super) fn observer(&mut self) -> &mut Observer {
        &mut self.rest.observer
    }

    pub(super) fn diesel(&self) -> &AsyncPgConnection {
        match &self.held {
            Held::Own(connection) => connection,
            Held::Foreign(connection) => connection,
        }
    }

    pub(super) fn diesel_mut(&mut self) -> &mut AsyncPgConnection {
        match &mut self.held {
            Held::Own(connection) => connection,
            Held::Foreign(connection) => connection,
        }
    }

    /// Forgets what was kept for names that stand for something else by now.
    fn follow_names(&mut self) {
        let Some(protocol_state) = self.protocol_state.as_deref() else {
            return;
        };
        if self.rest.client_cache.is_behind(protocol_state)
            && self.rest.client_cache.follow(protocol_state)
        {
            let size = self.rest.client_cache.size();
            let connection = self.diesel_mut();
            // Of the same size nothing would be forgotten.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// What runs a statement: see [`split`](Self::split).
    pub(super) fn split_for_statement(&mut self) -> (&AsyncPgConnection, &mut Rest) {
        self.follow_names();
        self.split()
    }

    /// The connection, shared so that two messages can be under way, and the rest.
    pub(super) fn split(&mut self) -> (&AsyncPgConnection, &mut Rest) {
        let connection = match &self.held {
            Held::Own(connection) => &**connection,
            Held::Foreign(connection) => &***connection,
        };
        (connection, &mut self.rest)
    }

    /// Whether prepared statements are kept: diesel-async's cache keeps all or none, whatever the number.
    pub(super) fn set_cache(&mut self, statements: Option<usize>) {
        if statements == Some(0) {
            self.uncached = true;
            self.resize_cache(CacheSize::Disabled);
        }
    }

    pub(super) fn resize_cache(&mut self, size: CacheSize) {
        self.rest.client_cache.set_size(size);
        self.diesel_mut().set_prepared_statement_cache_size(size);
    }

    pub(super) fn cache(&self) -> CacheSize {
        if self.uncached {
            CacheSize::Disabled
        } else {
            CacheSize::Unbounded
        }
    }

    pub(super) fn set_default_isolation(&mut self, level: Option<Isolation>) {
        self.isolation = level;
    }

    pub(super) fn default_isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    /// Has each COMMIT ask where in the log it is: for those who read replicas.
    pub(super) fn set_asks(&mut self, asks: bool) {
        self.asks = asks;
    }

    /// A pooler is in between: nothing is left to the server session.
    pub(super) fn set_pooled(&mut self) {
        self.pooled = true;
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// How long a statement may take, told anew with each BEGIN.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.rest.limit = limit
            .map(|limit| format!("SET LOCAL statement_timeout = {}", milliseconds(limit)).into());
    }

    /// The text that commits.
    pub(super) fn commit_text(&mut self) -> Cow<'static, str> {
        match self.protocol_state() {
            Some(protocol_state) if self.asks => {
                protocol_state.positions.expect();
                self.ending(lsn::COMMIT)
            }
            _ => self.ending("COMMIT"),
        }
    }

    /// The text that ends a transaction. Behind a pooler it puts back what the session changed: later the server
    /// session is somebody else's.
    pub(super) fn ending(&mut self, text: &'static str) -> Cow<'static, str> {
        self.resets = self.pooled
            && self
                .protocol_state()
                .is_some_and(ProtocolState::needs_reset);
        if self.resets {
            if let Some(protocol_state) = self.protocol_state() {
                protocol_state.begin_reset();
            }
            let unclean = self.protocol_state().is_some_and(ProtocolState::is_unclean);
            let opaque = self.protocol_state().is_some_and(ProtocolState::is_opaque);
            reset::behind_a_pooler(text, opaque, unclean).into()
        } else {
            text.into()
        }
    }

    /// What [`ending`](Self::ending) gave was answered.
    pub(super) fn note_reset(&mut self, done: bool) {
        if let Some(protocol_state) = self.protocol_state()
            && self.resets
        {
            if done {
                protocol_state.was_reset();
            } else {
                protocol_state.was_not_reset();
            }
        }
        self.resets = false;
    }

    /// The text by which the recovery rolls back. A statement that was dropped while it was prepared is left
    /// prepared under its name, and nobody knows of it.
    pub(super) fn recovery_text(&self) -> Cow<'static, str> {
        if self.pooled {
            if let Some(protocol_state) = self.protocol_state() {
                protocol_state.begin_reset();
            }
            let opaque = self.protocol_state().is_some_and(ProtocolState::is_opaque);
            reset::behind_a_pooler("ROLLBACK", opaque, self.uncached).into()
        } else {
            "ROLLBACK".into()
        }
    }

    /// What [`recovery_text`](Self::recovery_text) gave was done.
    pub(super) fn was_recovered(&self) {
        if let Some(protocol_state) = self.protocol_state()
            && self.pooled
        {
            protocol_state.was_reset();
            protocol_state.set_unclean(!self.uncached && protocol_state.is_unclean());
        }
    }

    /// What is known of the transaction's end without a view of the protocol.
    pub(super) fn unseen(&self) -> Unseen {
        self.rest.unseen
    }

    /// Asks the server whether the transaction is still the one that the session began.
    pub(super) async fn ask(&mut self) {
        let (shared, rest) = self.split();
        rest.ask(shared).await;
    }

    /// A transaction begins.
    pub(super) fn begin_watch(&mut self) {
        self.rest.unseen = Unseen::default();
        self.rest.marked = false;
        self.rest.doubted = false;
        self.committed = false;
        if let Some(protocol_state) = self.protocol_state() {
            protocol_state.begin_watch();
            if protocol_state.positions.expecting() {
                let _of_the_last = protocol_state.positions.take();
            }
        }
    }

    /// COMMIT is, or was, sent by us.
    pub(super) fn set_committed(&mut self, committed: bool) {
        self.committed = committed;
        if committed {
            self.seal();
        }
    }

    /// What is sent from now on is the session's own, up to the next transaction.
    pub(super) fn seal(&self) {
        if let Some(protocol_state) = self.protocol_state() {
            protocol_state.seal();
        }
    }

    pub(super) fn was_committed_by_body(&self) -> bool {
        let ended = self.protocol_state().and_then(ProtocolState::ended);
        !self.committed && ended == Some(TransactionEnd::Commit)
    }

    pub(super) fn committed_at(&self) -> Option<Position> {
        let protocol_state = self.protocol_state()?;
        let at = protocol_state.positions.take()?;
        // A transaction that wrote nothing is not in the log: no replica will ever be past its time.
        Some(if protocol_state.has_written() {
            at
        } else {
            at.undated()
        })
    }

    pub(super) fn replayed(&self) -> Option<Position> {
        self.replayed
    }

    pub(super) fn set_replayed(&mut self, position: Option<Position>) {
        self.replayed = position;
    }

    #[inline]
    pub(super) fn protocol_state(&self) -> Option<&ProtocolState> {
        self.protocol_state.as_deref()
    }

    pub(super) fn canceller(&self) -> Canceller {
        self.rest.canceller.clone()
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.rest.condemned || self.protocol_state().is_some_and(ProtocolState::is_closed)
    }

    /// COMMIT is sent, or was answered.
    pub(super) fn set_committing(&mut self, committing: bool) {
        self.rest.committing = committing;
    }

    /// The connection is lost, and the server may still be at work for it. A COMMIT is left to it.
    pub(super) fn may_run_on(&self) -> bool {
        !self.rest.committing
            && self.protocol_state().is_some_and(|protocol_state| {
                !protocol_state.is_quiet() && protocol_state.fatal().is_none()
            })
    }

    /// When the last message went out that the server answers.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.protocol_state().and_then(ProtocolState::last_sent)
    }

    /// Everything is answered and no transaction is open.
    pub(super) fn is_quiet(&self) -> bool {
        let Some(protocol_state) = self.protocol_state() else {
            return true;
        };
        if self.is_closed() {
            !self.may_run_on()
        } else {
            protocol_state.is_quiet() && protocol_state.status() == Status::Idle
        }
    }

    /// What ends a transaction does nothing else, and its answer is seen.
    pub(super) fn sees_the_end(&self) -> bool {
        !self.pooled && self.protocol_state.is_some()
    }

    /// No transaction is open, by what the server has said so far.
    pub(super) fn has_ended(&self) -> bool {
        let is_idle = |protocol_state: &ProtocolState| protocol_state.status() == Status::Idle;
        self.sees_the_end() && self.protocol_state().is_some_and(is_idle)
    }

    /// A cancel request may still hit what runs here.
    pub(super) fn may_be_hit(&self) -> bool {
        !self.is_closed() && self.rest.canceller.may_hit_later()
    }

    pub(super) fn condemn(&mut self) {
        self.rest.condemned = true;
        if let Held::Foreign(connection) = &mut self.held {
            // The application's pool drops a connection whose transaction manager is in error.
            AnsiTransactionManager::transaction_manager_status_mut(&mut ***connection)
                .set_in_error();
        }
    }

    /// Ends the connection whatever its session does: cancels what runs, then hangs up.
    pub(super) fn kill(&self) -> Option<Kill> {
        self.kill.clone()
    }

    pub(super) fn why_closed(&self) -> StatementError {
        let said = self.protocol_state().and_then(ProtocolState::fatal);
        said.unwrap_or_else(|| StatementError::connection("the connection to the server is lost"))
    }

    pub(super) async fn enter_raw(&mut self) -> QueryResult<()> {
        let (shared, rest) = self.split();
        // Nobody sees what is run there before it is sent.
        rest.mark(shared).await;
        if !self.rest.raw {
            self.rest.raw = true;
            self.rest.client_cache.lend();
            self.rest.observer.lend();
            let connection = self.diesel_mut();
            forget_transactions(connection);
            AnsiTransactionManager::transaction_manager_status_mut(connection)
                .transaction_state()?
                .change_transaction_depth(TransactionDepthChange::IncreaseDepth)?;
        }
        Ok(())
    }

    pub(super) fn leave_raw(&mut self) {
        if self.rest.raw {
            self.rest.raw = false;
            self.rest
                .client_cache
                .take_back(self.protocol_state.as_deref());
            self.rest.observer.take_back();
            forget_transactions(self.diesel_mut());
        }
    }

    /// The session has looked how the transaction stands.
    pub(super) fn set_doubted(&mut self, doubted: bool) {
        self.rest.doubted = doubted;
    }

    pub(super) fn raw_is_unbalanced(&mut self) -> bool {
        self.rest.raw && raw_depth(self.diesel_mut()).is_some_and(|depth| depth > 1)
    }

    /// A diesel error with the SQLSTATE that diesel drops.
    pub(super) fn explain(&self, error: &Error) -> StatementError {
        let plain = StatementError::from(error);
        let Some(protocol_state) = self.protocol_state() else {
            return plain;
        };
        if plain.kind == StatementErrorKind::Connection {
            // What the server said before it hung up is worth more than "connection closed".
            return protocol_state.fatal().unwrap_or(plain);
        }
        match protocol_state.last_error() {
            Some(said) if said.message == plain.message => said,
            _ => plain,
        }
    }
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        // tokio-postgres says goodbye when the last answer has come. One that never comes would keep the
        // connection open on both sides, and its slot in the pool is free by now.
        let waits = self
            .protocol_state()
            .is_some_and(|protocol_state| !protocol_state.is_quiet());
        if (waits || self.rest.condemned)
            && let Some(driving) = &self.driving
        {
            driving.abort();
        }
    }
}

fn kill(canceller: Canceller, driving: AbortHandle, protocol_state: Arc<ProtocolState>) -> Kill {
    Kill(Arc::new(move || {
        let (canceller, driving) = (canceller.clone(), driving.clone());
        let is_beginning = protocol_state.is_beginning();
        let _no_runtime = crate::runtime::spawn(async move {
            if !is_beginning {
                canceller.fire().await;
            }
            driving.abort();
        });
    }))
}

impl Rest {
    /// Where the events of a statement go.
    pub(super) fn events(&mut self) -> Option<Events> {
        self.observer.events().cloned()
    }

    pub(super) fn protocol_state(&self) -> Option<Arc<ProtocolState>> {
        self.protocol_state.clone()
    }

    /// Looks at a text of the body's before it is sent.
    pub(super) fn look_at(&mut self, text: &str) {
        self.suspicion = Suspicion::of(text, self.protocol_state.is_some());
        self.rolls_back = is_rollback(text);
    }

    /// What is known of a query by now.
    fn known(&mut self, query: PgQuery<'_>) -> Known<'_> {
        self.known_and_suspicion(query).0
    }

    fn known_and_suspicion(&mut self, query: PgQuery<'_>) -> (Known<'_>, Suspicion) {
        self.suspicion = Suspicion::None;
        let known = if self.protocol_state.is_some() {
            self.client_cache.look_at(query)
        } else {
            // How many are kept on a connection of the application's is not known.
            Known {
                key: Key::Type(None),
                text: fragment::sql(query).ok().map(Cow::Owned),
            }
        };
        // One that is borrowed was looked at when it was built.
        if let Some(Cow::Owned(text)) = &known.text
            && !transaction_control::is_query(text)
        {
            self.suspicion = Suspicion::of(text, self.protocol_state.is_some());
            self.rolls_back = is_rollback(text);
        }
        (known, self.suspicion)
    }

    /// Sends a mark ahead of what cannot be looked at, unless the transaction has one.
    async fn mark(&mut self, connection: &AsyncPgConnection) {
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

    /// Without a view of the protocol: what goes next may end the transaction.
    fn doubt_unseen(&mut self, rolls_back: bool) {
        if self.protocol_state.is_none() && self.unseen == Unseen::Open {
            self.unseen = Unseen::InDoubt {
                mark: self.marks.sent(),
                rolls_back,
            };
        }
    }

    /// The transaction may not be the one that the session began, and the server can be asked.
    fn is_in_doubt(&self) -> bool {
        match &self.protocol_state {
            Some(protocol_state) => protocol_state.is_in_doubt(),
            None => matches!(self.unseen, Unseen::InDoubt { .. }),
        }
    }

    async fn ask(&mut self, connection: &AsyncPgConnection) {
        if let Some(protocol_state) = &self.protocol_state {
            if protocol_state.is_unsettled() {
                // The answer to this one comes behind ReadyForQuery of the text that failed.
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

    /// A query, not sent yet.
    pub(super) fn load<'conn>(
        &mut self,
        mut connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
    ) -> Heard<Loading<'conn>> {
        let events = self.events();
        if events.is_none() && self.client_cache.types().is_none() {
            // Most.
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
            // What that gives holds its SQL and its binds.
            fragment::take_apart(query, known, |fragment| {
                AsyncConnectionCore::load(&mut connection, fragment)
            })
        })
    }

    /// A statement that returns a count, not sent yet.
    pub(super) fn execute<'conn>(
        &mut self,
        connection: &'conn AsyncPgConnection,
        query: PgQuery<'_>,
    ) -> Heard<BoxFuture<'conn, QueryResult<usize>>> {
        self.execute_shown(connection, query, |_, _| ())
    }

    /// The same, with a look at its text, if it has one, and at what it may do to the transaction.
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
            // Most.
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

    /// Runs a statement behind what has to go ahead of it.
    ///
    /// Not an `async fn`, and with a statement that need not be pinned: such a future would hold each argument twice.
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
            if ahead.settle {
                // Boxed, like the other rare ones: they would be a part of every statement's future.
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

    /// What goes ahead, as one text.
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

    /// A statement that may end the transaction, or the next one behind such a text.
    async fn deliver_doubted<T>(
        &mut self,
        connection: &AsyncPgConnection,
        mut ahead: Ahead,
        suspicion: Suspicion,
        statement: &mut (impl Future<Output = QueryResult<T>> + Unpin),
    ) -> Reply<T> {
        if std::mem::take(&mut self.doubted) {
            // What goes back to a savepoint heals a failed transaction, which could not be asked.
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
        // In a failed transaction the text may go back to a savepoint; to set a mark would be an error.
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
        // Without a view of the protocol each such text is asked for. In a failed transaction that cannot be.
        let is_done = reply.ahead.is_ok() && reply.result.is_ok();
        if self.protocol_state.is_none() && is_done && self.is_in_doubt() {
            self.ask(connection).await;
        }
        reply
    }

    /// Why nothing more can be done in the transaction: something else than the session ended it.
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
        // A BEGIN that fails by itself leaves the statement behind it in autocommit. What this connection has
        // taken before it takes again, but for a server that stalls; the first time is awaited.
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

/// The error is the client's own: too many binds, a value that cannot be written, a query that cannot be built.
fn is_unsent(error: &Error, protocol_state: Option<&ProtocolState>) -> bool {
    match protocol_state {
        // An error of the server's fails the transaction, or is the end of the connection.
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

/// Ends a statement whose future was dropped. What follows rolls it back, at least to a savepoint.
async fn settle(
    mut connection: &AsyncPgConnection,
    canceller: &Canceller,
    protocol_state: Option<&ProtocolState>,
) {
    let mut queued = connection;
    let canceller = canceller.clone().by_itself_only();
    let ended = async {
        let late = canceller.rest().await;
        // Behind the statement, which may not even be written yet: its answer says that the server is
        // done with that.
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
            // A request that came late hits this one instead of what follows.
            let _late = connection.batch_execute("").await;
        }
    };
    // Without the background runtime there would be no connection either.
    let _no_runtime = crate::runtime::within(ended).await;
}

/// Takes the diesel transaction manager of a raw connection back to "no transaction".
fn forget_transactions(connection: &mut AsyncPgConnection) {
    *connection.transaction_state() = AnsiTransactionManager::default();
}

/// The depth that diesel's own manager believes in.
fn raw_depth(connection: &mut AsyncPgConnection) -> Option<u32> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    status
        .transaction_depth()
        .ok()
        .flatten()
        .map(std::num::NonZeroU32::get)
}
