//! One connection to PostgreSQL and what the driver knows about it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::{CacheSize, TransactionDepthChange};
use diesel::result::Error;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, TransactionManager,
};

use super::cancel::Canceller;
use super::ended_by_body::Unseen;
use super::mark::Marks;
use super::protocol::lsn;
use super::protocol::state::{ProtocolState, Status};
use super::protocol::transaction_end::TransactionEnd;
use super::sql::reset;
use super::sql::statement_timeout::milliseconds;
use super::sql::transaction_control::Suspicion;
use super::statement::Rest;
use super::statement_cache::client_cache::ClientCache;
use crate::driver::{Isolation, Kill, LogPosition as Position};
use crate::error::{StatementError, StatementErrorKind};
use crate::observe::Instrumented;
use crate::runtime::driven::{Driven, Use};

type Foreign = bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncPgConnection>>;

/// The connection that the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub struct PgConnection {
    held: Held,
    /// `None` for an external pool's connection, whose stream the driver cannot watch.
    protocol_state: Option<Arc<ProtocolState>>,
    rest: Rest,
    /// The statement cache is off.
    uncached: bool,
    /// The isolation level of a BEGIN without one, if the probe found it.
    isolation: Option<Isolation>,
    /// Each COMMIT asks for its log position.
    asks: bool,
    /// The session itself sent the last transaction's COMMIT.
    committed: bool,
    /// A pooler is between this connection and the server.
    pooled: bool,
    /// The message that ends the transaction also carries the reset.
    resets: bool,
    /// On a replica: its replay position at the last query for it.
    replayed: Option<Position>,
    /// `None` for an external pool's connection.
    kill: Option<Kill>,
}

enum Held {
    Own(Box<AsyncPgConnection>),
    Foreign(Box<Foreign>),
}

impl PgConnection {
    pub(super) fn own(
        connection: AsyncPgConnection,
        protocol_state: Arc<ProtocolState>,
        canceller: Canceller,
        driven: Arc<Driven>,
    ) -> Self {
        let kill = kill(
            canceller.clone(),
            Arc::clone(&driven),
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
                driven: Some(driven),
                lent: None,
                client_cache: ClientCache::default(),
                limit: None,
                observer: Instrumented::default(),
            },
            protocol_state: Some(protocol_state),
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
                driven: None,
                lent: None,
                client_cache: ClientCache::default(),
                limit: None,
                observer: Instrumented::direct(),
            },
        }
    }

    /// The observer of this connection's events.
    pub(super) fn observer(&mut self) -> &mut Instrumented {
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

    /// Switches the client cache to the current view of the names, and clears diesel's cache if it is stale.
    fn follow_names(&mut self) {
        let Some(protocol_state) = self.protocol_state.as_deref() else {
            return;
        };
        if self.rest.client_cache.is_behind(protocol_state)
            && self.rest.client_cache.follow(protocol_state)
        {
            let size = self.rest.client_cache.size();
            let connection = self.diesel_mut();
            // Setting the same size again would not clear the cache.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// [`split`](Self::split), with the client cache up to date: call before running a statement.
    pub(super) fn split_for_statement(&mut self) -> (&AsyncPgConnection, &mut Rest) {
        self.follow_names();
        self.split()
    }

    /// The diesel connection, shared so that two messages can be under way, and the mutable rest.
    pub(super) fn split(&mut self) -> (&AsyncPgConnection, &mut Rest) {
        let connection = match &self.held {
            Held::Own(connection) => &**connection,
            Held::Foreign(connection) => &***connection,
        };
        (connection, &mut self.rest)
    }

    /// Turns the statement cache off if `statements` is 0. diesel-async caches all or none, so other numbers change
    /// nothing.
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

    /// Makes each COMMIT ask for its log position, for the factory's commit marks.
    pub(super) fn set_asks(&mut self, asks: bool) {
        self.asks = asks;
    }

    /// Marks the connection as pooled: from now on each transaction's end also resets the server session.
    pub(super) fn set_pooled(&mut self) {
        self.pooled = true;
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Sets the statement timeout, sent with each BEGIN. For connections behind a pooler.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.rest.limit = limit
            .map(|limit| format!("SET LOCAL statement_timeout = {}", milliseconds(limit)).into());
    }

    /// The SQL that commits.
    pub(super) fn commit_text(&mut self) -> Cow<'static, str> {
        match self.protocol_state() {
            Some(protocol_state) if self.asks => {
                protocol_state.positions.expect();
                self.ending(lsn::COMMIT)
            }
            _ => self.ending("COMMIT"),
        }
    }

    /// The SQL that ends a transaction. Behind a pooler it includes the reset if the session left side effects, because
    /// after the transaction the pooler may lend the server session to another client.
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

    /// Call once the server has answered [`ending`](Self::ending)'s SQL. `done`: it succeeded.
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

    /// The SQL with which recovery rolls back. Behind a pooler it also resets, and deallocates all statements if the
    /// cache is off: a call dropped while preparing leaves a prepared statement that the client does not list.
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

    /// Call once [`recovery_text`](Self::recovery_text)'s SQL has succeeded.
    pub(super) fn was_recovered(&self) {
        if let Some(protocol_state) = self.protocol_state()
            && self.pooled
        {
            protocol_state.was_reset();
            protocol_state.set_unclean(!self.uncached && protocol_state.is_unclean());
        }
    }

    /// For a connection without protocol state: what the driver knows about the transaction's end.
    pub(super) fn unseen(&self) -> Unseen {
        self.rest.unseen
    }

    /// Asks the server whether the transaction is still the one that the session began.
    pub(super) async fn ask(&mut self) {
        let (shared, rest) = self.split();
        rest.ask(shared).await;
    }

    /// Call before anything is sent, and keep the result until the answer has come: the caller's runtime drives the
    /// connection, if it can.
    pub(super) fn attend(&self) -> Option<Use> {
        self.rest.attend()
    }

    /// Call when a transaction begins.
    pub(super) fn begin_watch(&mut self) {
        if let Some(driven) = &self.rest.driven {
            driven.begin_turn();
        }
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

    /// Records whether the session itself sends, or sent, COMMIT.
    pub(super) fn set_committed(&mut self, committed: bool) {
        self.committed = committed;
        if committed {
            self.seal();
        }
    }

    /// From now until the next transaction the session itself sends every message. See [`ProtocolState::seal`].
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
        // A transaction without writes is not in the log, so no replica's replay time would ever pass its time.
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

    /// Records that COMMIT is being sent, or that its outcome is known.
    pub(super) fn set_committing(&mut self, committing: bool) {
        self.rest.committing = committing;
    }

    /// For a lost connection: true if the server may still run its statement. False for a COMMIT, which recovery must
    /// not cancel.
    pub(super) fn may_run_on(&self) -> bool {
        !self.rest.committing
            && self.protocol_state().is_some_and(|protocol_state| {
                !protocol_state.is_quiet() && protocol_state.fatal().is_none()
            })
    }

    /// When the last message that the server answers with ReadyForQuery was sent.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.protocol_state().and_then(ProtocolState::last_sent)
    }

    /// True if the server has answered every message and no transaction is open.
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

    /// True if the transaction status is reliable: the stream is watched, and no pooler needs the reset in the message
    /// that ends the transaction.
    pub(super) fn sees_the_end(&self) -> bool {
        !self.pooled && self.protocol_state.is_some()
    }

    /// True if the server's last status says that no transaction is open.
    pub(super) fn has_ended(&self) -> bool {
        let is_idle = |protocol_state: &ProtocolState| protocol_state.status() == Status::Idle;
        self.sees_the_end() && self.protocol_state().is_some_and(is_idle)
    }

    /// True if a cancel request may still hit a statement on this connection.
    pub(super) fn may_be_hit(&self) -> bool {
        !self.is_closed() && self.rest.canceller.may_hit_later()
    }

    pub(super) fn condemn(&mut self) {
        self.rest.condemned = true;
        if let Held::Foreign(connection) = &mut self.held {
            // The external pool drops a connection whose transaction manager is in error.
            AnsiTransactionManager::transaction_manager_status_mut(&mut ***connection)
                .set_in_error();
        }
    }

    /// Returns what ends the connection while its session still uses it: it cancels the statement, then closes the
    /// socket.
    pub(super) fn kill(&self) -> Option<Kill> {
        self.kill.clone()
    }

    pub(super) fn why_closed(&self) -> StatementError {
        let said = self.protocol_state().and_then(ProtocolState::fatal);
        said.unwrap_or_else(|| StatementError::connection("the connection to the server is lost"))
    }

    pub(super) async fn enter_raw(&mut self) -> QueryResult<()> {
        let _used = self.attend();
        let (shared, rest) = self.split();
        // The driver cannot read the raw connection's SQL before it is sent, so set the mark now.
        rest.mark(shared).await;
        if !self.rest.raw {
            self.rest.raw = true;
            self.rest.lent = self.rest.attend();
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
            self.rest.lent = None;
            self.rest
                .client_cache
                .take_back(self.protocol_state.as_deref());
            self.rest.observer.take_back();
            forget_transactions(self.diesel_mut());
        }
    }

    /// Records the result of the session's check.
    pub(super) fn set_doubted(&mut self, doubted: bool) {
        self.rest.doubted = doubted;
    }

    pub(super) fn raw_is_unbalanced(&mut self) -> bool {
        self.rest.raw && raw_depth(self.diesel_mut()).is_some_and(|depth| depth > 1)
    }

    /// Converts a diesel error and adds the SQLSTATE that diesel drops.
    pub(super) fn explain(&self, error: &Error) -> StatementError {
        let plain = StatementError::from(error);
        let Some(protocol_state) = self.protocol_state() else {
            return plain;
        };
        if plain.kind == StatementErrorKind::Connection {
            // Prefer the server's last error to the client's "connection closed".
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
        // tokio-postgres sends Terminate only after the last answer, and when its runtime polls it. If that never
        // happens, the connection would stay open on both sides although its permit is free.
        if let Some(driven) = &self.rest.driven {
            driven.close();
        }
    }
}

fn kill(canceller: Canceller, driven: Arc<Driven>, protocol_state: Arc<ProtocolState>) -> Kill {
    Kill(Arc::new(move || {
        let (canceller, driven) = (canceller.clone(), Arc::clone(&driven));
        let is_beginning = protocol_state.is_beginning();
        let _no_runtime = crate::runtime::spawn(async move {
            if !is_beginning {
                canceller.fire().await;
            }
            driven.close();
        });
    }))
}

/// Resets a raw connection's diesel transaction manager to "no transaction".
fn forget_transactions(connection: &mut AsyncPgConnection) {
    *connection.transaction_state() = AnsiTransactionManager::default();
}

/// The transaction depth in diesel's own manager.
fn raw_depth(connection: &mut AsyncPgConnection) -> Option<u32> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    status
        .transaction_depth()
        .ok()
        .flatten()
        .map(std::num::NonZeroU32::get)
}
