//! One connection to PostgreSQL and what the driver knows about it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::{CacheSize, TransactionDepthChange};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, TransactionManager,
};

use super::cancel::Canceller;
use super::protocol::lsn;
use super::protocol::state::ProtocolState;
use super::protocol::transaction_end::TransactionEnd;
use super::server_view::{ServerView, Unseen};
use super::sql::reset;
use super::sql::statement_timeout::milliseconds;
use super::statement::Statements;
use crate::driver::{self, CommitReply, Isolation, Kill, LogPosition as Position};
use crate::observe::Instrumented;
use crate::runtime::driven::{Driven, Use};

type External = bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncPgConnection>>;

/// The connection that the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct PgConnection {
    client: Client,
    pub(super) statements: Statements,
    /// The statement cache that each borrower finds.
    cache: CacheSize,
    /// The isolation level of a BEGIN without one, if the probe found it.
    isolation: Option<Isolation>,
    commit: Commit,
    pooler: Pooler,
    /// Each COMMIT asks for its log position.
    asks_position: bool,
    /// On a replica: its replay position at the last query for it.
    replayed: Option<Position>,
    /// The body has, or had, the raw connection in this transaction.
    is_raw: bool,
    /// While it is raw: the body may send at any time.
    raw_use: Option<Use>,
    /// The pool must not lend it again.
    condemned: bool,
}

/// diesel's connection, and who opened it.
enum Client {
    /// The driver did, and watches its stream.
    Watched(Box<Watched>),
    /// An external pool did.
    External(Box<External>),
}

struct Watched {
    diesel: AsyncPgConnection,
    kill: Kill,
}

/// The session's own COMMIT of the last transaction.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Commit {
    #[default]
    NotSent,
    /// Sent, and its outcome is unknown so far.
    Unanswered,
    Answered,
}

/// Whether a pooler is between this connection and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooler {
    None,
    Between {
        /// The message that ends the transaction also carries the reset.
        resets: bool,
    },
}

impl PgConnection {
    pub(super) fn watched(
        diesel: AsyncPgConnection,
        protocol: Arc<ProtocolState>,
        canceller: Canceller,
        driven: Arc<Driven>,
    ) -> Self {
        let kill = kill(
            canceller.clone(),
            Arc::clone(&driven),
            Arc::clone(&protocol),
        );
        let client = Client::Watched(Box::new(Watched { diesel, kill }));
        let view = ServerView::Watched(protocol);
        Self::new(client, Statements::new(view, canceller, Some(driven)))
    }

    pub(super) fn external(connection: External) -> Self {
        let canceller = Canceller::unaddressed(connection.cancel_token());
        let client = Client::External(Box::new(connection));
        let view = ServerView::External(Unseen::default());
        Self::new(client, Statements::new(view, canceller, None))
    }

    fn new(client: Client, statements: Statements) -> Self {
        Self {
            client,
            statements,
            cache: CacheSize::Unbounded,
            isolation: None,
            commit: Commit::default(),
            pooler: Pooler::None,
            asks_position: false,
            replayed: None,
            is_raw: false,
            raw_use: None,
            condemned: false,
        }
    }

    /// What the driver sees of the server's side.
    #[inline]
    pub(super) fn view(&self) -> &ServerView {
        &self.statements.view
    }

    /// The observer of this connection's events.
    pub(super) fn observer(&mut self) -> &mut Instrumented {
        &mut self.statements.observer
    }

    pub(super) fn diesel(&self) -> &AsyncPgConnection {
        match &self.client {
            Client::Watched(watched) => &watched.diesel,
            Client::External(connection) => connection,
        }
    }

    pub(super) fn diesel_mut(&mut self) -> &mut AsyncPgConnection {
        match &mut self.client {
            Client::Watched(watched) => &mut watched.diesel,
            Client::External(connection) => connection,
        }
    }

    /// Switches the client cache to the current view of the names, and clears diesel's cache if it is stale.
    fn follow_names(&mut self) {
        let Statements {
            view, client_cache, ..
        } = &mut self.statements;
        let Some(protocol) = view.protocol() else {
            return;
        };
        if client_cache.is_behind(protocol) && client_cache.follow(protocol) {
            let size = client_cache.size();
            let connection = self.diesel_mut();
            // Setting the same size again would not clear the cache.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// [`split`](Self::split), with the client cache up to date: call before running a statement.
    pub(super) fn split_for_statement(&mut self) -> (&AsyncPgConnection, &mut Statements) {
        self.follow_names();
        self.split()
    }

    /// The diesel connection, shared so that two messages can be under way, and the mutable rest.
    pub(super) fn split(&mut self) -> (&AsyncPgConnection, &mut Statements) {
        let connection = match &self.client {
            Client::Watched(watched) => &watched.diesel,
            Client::External(connection) => &***connection,
        };
        (connection, &mut self.statements)
    }

    /// Turns the statement cache off if `statements` is 0. diesel-async caches all or none, so other numbers change
    /// nothing.
    pub(super) fn set_cache(&mut self, statements: Option<usize>) {
        if statements == Some(0) {
            self.cache = CacheSize::Disabled;
            self.resize_cache(CacheSize::Disabled);
        }
    }

    pub(super) fn resize_cache(&mut self, size: CacheSize) {
        self.statements.client_cache.set_size(size);
        self.diesel_mut().set_prepared_statement_cache_size(size);
    }

    pub(super) fn cache(&self) -> CacheSize {
        self.cache
    }

    pub(super) fn set_default_isolation(&mut self, level: Option<Isolation>) {
        self.isolation = level;
    }

    pub(super) fn default_isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    /// Makes each COMMIT ask for its log position, for the factory's commit marks.
    pub(super) fn set_asks(&mut self, asks: bool) {
        self.asks_position = asks;
    }

    /// Marks the connection as pooled: from now on each transaction's end also resets the server session.
    pub(super) fn set_pooled(&mut self) {
        self.pooler = Pooler::Between { resets: false };
    }

    pub(super) fn is_pooled(&self) -> bool {
        self.pooler != Pooler::None
    }

    /// Sets the statement timeout, sent with each BEGIN. For connections behind a pooler.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.statements.limit = limit
            .map(|limit| format!("SET LOCAL statement_timeout = {}", milliseconds(limit)).into());
    }

    /// The SQL that commits.
    pub(super) fn commit_text(&mut self) -> Cow<'static, str> {
        match self.view() {
            ServerView::Watched(protocol) if self.asks_position => {
                protocol.positions.expect();
                self.ending(lsn::COMMIT)
            }
            _ => self.ending("COMMIT"),
        }
    }

    /// The SQL that ends a transaction. Behind a pooler it includes the reset if the session left side effects, because
    /// after the transaction the pooler may lend the server session to another client.
    pub(super) fn ending(&mut self, text: &'static str) -> Cow<'static, str> {
        let Pooler::Between { .. } = self.pooler else {
            return text.into();
        };
        let resets = self.view().needs_reset();
        self.pooler = Pooler::Between { resets };
        if !resets {
            return text.into();
        }
        let view = self.view();
        view.begin_reset();
        reset::behind_a_pooler(text, view.is_opaque(), view.is_unclean()).into()
    }

    /// Call once the server has answered [`ending`](Self::ending)'s SQL. `done`: it succeeded.
    pub(super) fn note_reset(&mut self, done: bool) {
        if let Pooler::Between { resets } = &mut self.pooler
            && std::mem::take(resets)
        {
            self.view().end_reset(done);
        }
    }

    /// The SQL with which recovery rolls back. Behind a pooler it also resets, and deallocates all statements if the
    /// cache is off: a call dropped while preparing leaves a prepared statement that the client does not list.
    pub(super) fn recovery_text(&self) -> Cow<'static, str> {
        if !self.is_pooled() {
            return "ROLLBACK".into();
        }
        self.view().begin_reset();
        reset::behind_a_pooler("ROLLBACK", self.view().is_opaque(), self.is_uncached()).into()
    }

    /// Call once [`recovery_text`](Self::recovery_text)'s SQL has succeeded.
    pub(super) fn was_recovered(&self) {
        if let ServerView::Watched(protocol) = self.view()
            && self.is_pooled()
        {
            protocol.was_reset();
            protocol.set_unclean(!self.is_uncached() && protocol.is_unclean());
        }
    }

    fn is_uncached(&self) -> bool {
        matches!(self.cache, CacheSize::Disabled)
    }

    /// Asks the server whether the transaction is still the one that the session began.
    pub(super) async fn ask(&mut self) {
        let (shared, statements) = self.split();
        statements.ask(shared).await;
    }

    /// Call before anything is sent, and keep the result until the answer has come: the caller's runtime drives the
    /// connection, if it can. `None` for an external pool's connection.
    pub(super) fn attend(&self) -> Option<Use> {
        self.statements.attend()
    }

    /// Call when a transaction begins.
    pub(super) fn begin_watch(&mut self) {
        self.commit = Commit::NotSent;
        self.statements.begin_watch();
    }

    /// The session itself sends COMMIT.
    pub(super) fn commit_sent(&mut self) {
        self.commit = Commit::Unanswered;
        self.view().seal();
    }

    /// COMMIT was not sent after all.
    pub(super) fn commit_not_sent(&mut self) {
        self.commit = Commit::NotSent;
    }

    /// The server has answered COMMIT, unless `reply` says that its outcome is unknown.
    pub(super) fn note_commit(&mut self, reply: &CommitReply) {
        self.commit = match reply {
            CommitReply::Unknown(_) => Commit::Unanswered,
            _ => Commit::Answered,
        };
    }

    pub(super) fn was_committed_by_body(&self) -> bool {
        self.commit == Commit::NotSent && self.view().ended() == Some(TransactionEnd::Commit)
    }

    /// What the driver knows about the transaction since [`begin_watch`](Self::begin_watch).
    pub(super) fn watch(&mut self) -> driver::Watched {
        if self.raw_is_unbalanced() {
            return driver::Watched::Unbalanced;
        }
        let watched = self.view().watch();
        let is_in_doubt = matches!(watched, driver::Watched::InDoubt);
        self.statements.set_doubted(is_in_doubt);
        watched
    }

    pub(super) fn committed_at(&self) -> Option<Position> {
        let at = self.view().protocol()?.positions.take()?;
        // A transaction without writes is not in the log, so no replica's replay time would ever pass its time.
        Some(if self.view().has_written() {
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

    pub(super) fn canceller(&self) -> Canceller {
        self.statements.canceller.clone()
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.condemned || self.view().is_closed()
    }

    /// For a lost connection: true if the server may still run its statement. False for a COMMIT, which recovery must
    /// not cancel.
    pub(super) fn may_run_on(&self) -> bool {
        self.commit != Commit::Unanswered && self.view().awaits_an_answer()
    }

    /// When the last message that the server answers with ReadyForQuery was sent.
    pub(super) fn last_sent(&self) -> Option<Instant> {
        self.view().protocol()?.last_sent()
    }

    /// True if the server has answered every message and no transaction is open.
    pub(super) fn is_quiet(&self) -> bool {
        match self.view() {
            ServerView::External(_) => true,
            ServerView::Watched(_) if self.is_closed() => !self.may_run_on(),
            ServerView::Watched(protocol) => protocol.is_quiet() && self.view().is_idle(),
        }
    }

    /// True if the transaction status is reliable: the stream is watched, and no pooler needs the reset in the message
    /// that ends the transaction.
    pub(super) fn sees_the_end(&self) -> bool {
        !self.is_pooled() && self.view().is_watched()
    }

    /// True if the server's last status says that no transaction is open.
    pub(super) fn has_ended(&self) -> bool {
        self.sees_the_end() && self.view().is_idle()
    }

    /// True if a cancel request may still hit a statement on this connection.
    pub(super) fn may_be_hit(&self) -> bool {
        !self.is_closed() && self.statements.canceller.may_hit_later()
    }

    pub(super) fn condemn(&mut self) {
        self.condemned = true;
        if let Client::External(connection) = &mut self.client {
            // The external pool drops a connection whose transaction manager is in error.
            AnsiTransactionManager::transaction_manager_status_mut(&mut ***connection)
                .set_in_error();
        }
    }

    /// Returns what ends the connection while its session still uses it: it cancels the statement, then closes the
    /// socket.
    pub(super) fn kill(&self) -> Option<Kill> {
        match &self.client {
            Client::Watched(watched) => Some(watched.kill.clone()),
            Client::External(_) => None,
        }
    }

    pub(super) async fn enter_raw(&mut self) -> QueryResult<()> {
        let used = self.attend();
        let (shared, statements) = self.split();
        // The driver cannot read the raw connection's SQL before it is sent, so set the mark now.
        statements.mark(shared).await;
        if !self.is_raw {
            self.is_raw = true;
            self.raw_use = used;
            self.statements.client_cache.lend();
            self.statements.observer.lend();
            let connection = self.diesel_mut();
            forget_transactions(connection);
            AnsiTransactionManager::transaction_manager_status_mut(connection)
                .transaction_state()?
                .change_transaction_depth(TransactionDepthChange::IncreaseDepth)?;
        }
        Ok(())
    }

    pub(super) fn leave_raw(&mut self) {
        if std::mem::take(&mut self.is_raw) {
            self.raw_use = None;
            let Statements {
                view,
                client_cache,
                observer,
                ..
            } = &mut self.statements;
            client_cache.take_back(view.protocol());
            observer.take_back();
            forget_transactions(self.diesel_mut());
        }
    }

    fn raw_is_unbalanced(&mut self) -> bool {
        self.is_raw && raw_depth(self.diesel_mut()).is_some_and(|depth| depth > 1)
    }
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        // tokio-postgres sends Terminate only after the last answer, and only while its runtime polls it. Otherwise the
        // connection would stay open on both sides although its permit is free.
        self.statements.close();
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
