//! One connection to PostgreSQL and what the driver knows about it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::CacheSize;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncPgConnection};

use super::cancel::Canceller;
use super::protocol::lsn;
use super::protocol::state::ProtocolState;
use super::rows::Unread;
use super::server_view::{ServerView, Unseen};
use super::sql::reset;
use super::sql::statement_timeout::milliseconds;
use super::statement::Statements;
use crate::call::LogPosition as Position;
use crate::driver::{CommitOutcome, DriverConnection, Isolation, Kill};
use crate::runtime::driven::{Driven, Use};
use crate::sync::Mutex;

pub(super) type External =
    bb8::PooledConnection<'static, AsyncDieselConnectionManager<AsyncPgConnection>>;

/// The connection that the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct PgConnection {
    pub(super) client: Client,
    pub(super) statements: Statements,
    /// The last query's rows, until they are read or dropped.
    unread: Mutex<Unread>,
    /// The statement cache's size at the start of each borrow.
    pub(super) cache: CacheSize,
    /// The isolation level of a BEGIN that names none, if the probe found it.
    pub(super) isolation: Option<Isolation>,
    pub(super) commit: Commit,
    pub(super) pooler: Pooler,
    /// True if each COMMIT asks for its log position.
    asks_position: bool,
    /// On a replica: the replay position when it was last asked for.
    replayed: Option<Position>,
    /// True if the body has, or had, the raw connection in this transaction.
    pub(super) is_raw: bool,
    /// Held while the body has the raw connection, because the body may send at any time.
    pub(super) raw_use: Option<Use>,
    /// True if the pool must not lend the connection again.
    pub(super) condemned: bool,
}

/// diesel's connection, and who opened it.
pub(super) enum Client {
    /// The driver opened the connection, and watches its stream.
    Watched(Box<Watched>),
    /// An external pool opened the connection.
    External(Box<External>),
}

pub(super) struct Watched {
    pub(super) diesel: AsyncPgConnection,
    pub(super) kill: Kill,
}

/// The state of the session's own COMMIT of the last transaction.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    #[default]
    NotSent,
    /// COMMIT was sent, and its outcome is not known yet.
    Unanswered,
    Answered,
}

/// Whether a pooler is between this connection and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooler {
    None,
    Between {
        /// True if the message that ends the transaction also carries the reset.
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
            unread: Mutex::default(),
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

    /// Call before sending anything, and hold the result until the server has answered. Meanwhile the caller's runtime
    /// drives the connection, if it can. Returns `None` for an external pool's connection.
    pub(super) fn attend(&self) -> Option<Use> {
        self.statements.attend()
    }

    /// Returns what the driver sees of the server's side.
    #[inline]
    pub(super) fn view(&self) -> &ServerView {
        &self.statements.view
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
            // Setting the same size again would not clear the cache, so change the size twice.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// [`split`](Self::split), with the client cache up to date: call before running a statement.
    pub(super) fn split_for_statement(&mut self) -> (&AsyncPgConnection, &mut Statements) {
        self.follow_names();
        self.split()
    }

    /// Returns diesel's connection, shared so that two messages can be under way, and the mutable rest.
    pub(super) fn split(&mut self) -> (&AsyncPgConnection, &mut Statements) {
        let (connection, statements, _unread) = self.split_with_rows();
        (connection, statements)
    }

    /// [`split_for_statement`](Self::split_for_statement), and also the place for the query's rows.
    pub(super) fn split_for_rows(&mut self) -> (&AsyncPgConnection, &mut Statements, &mut Unread) {
        self.follow_names();
        self.split_with_rows()
    }

    fn split_with_rows(&mut self) -> (&AsyncPgConnection, &mut Statements, &mut Unread) {
        let connection = match &self.client {
            Client::Watched(watched) => &watched.diesel,
            Client::External(connection) => &***connection,
        };
        let unread = self.unread.get_mut();
        // An earlier query's rows are still there only if the caller leaked them (`mem::forget`).
        *unread = None;
        (connection, &mut self.statements, unread)
    }

    /// Drops rows that the caller leaked (`mem::forget`). Call before sending anything.
    fn drop_unread(&mut self) {
        *self.unread.get_mut() = None;
    }

    /// Turns the statement cache off if `statements` is 0. Other numbers change nothing, because diesel-async can cache
    /// only all statements or none.
    pub(super) fn limit_cache(&mut self, statements: Option<usize>) {
        if statements == Some(0) {
            self.cache = CacheSize::Disabled;
            self.set_cache(CacheSize::Disabled);
        }
    }

    pub(super) fn set_default_isolation(&mut self, level: Option<Isolation>) {
        self.isolation = level;
    }

    /// Sets whether each COMMIT asks for its log position, for the factory's commit marks.
    pub(super) fn set_asks(&mut self, asks: bool) {
        self.asks_position = asks;
    }

    /// Marks the connection as pooled: from now on each transaction's end also resets the server session.
    pub(super) fn set_pooled(&mut self) {
        self.pooler = Pooler::Between { resets: false };
    }

    /// Sets the statement timeout, sent with each BEGIN. For connections behind a pooler.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.statements.limit = limit
            .map(|limit| format!("SET LOCAL statement_timeout = {}", milliseconds(limit)).into());
    }

    /// Returns the SQL that commits.
    pub(super) fn commit_text(&mut self) -> Cow<'static, str> {
        match self.view() {
            ServerView::Watched(protocol) if self.asks_position => {
                protocol.expect_position();
                self.ending(lsn::COMMIT)
            }
            _ => self.ending("COMMIT"),
        }
    }

    /// Returns the SQL that ends a transaction. Behind a pooler it includes the reset if the session left side effects,
    /// because after the transaction the pooler may lend the server session to a different client.
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

    /// Returns the SQL with which recovery rolls back. Behind a pooler it also resets, and deallocates all statements
    /// if the cache is off: a call dropped while preparing leaves a prepared statement that the client does not list.
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

    /// Call when the session itself sends COMMIT.
    pub(super) fn commit_sent(&mut self) {
        self.commit = Commit::Unanswered;
        self.view().seal();
    }

    /// Call if COMMIT was not sent after all.
    pub(super) fn commit_not_sent(&mut self) {
        self.commit = Commit::NotSent;
    }

    /// Records the server's answer to COMMIT, or that the outcome is unknown.
    pub(super) fn note_commit(&mut self, reply: &CommitOutcome) {
        self.commit = match reply {
            CommitOutcome::Unknown(_) => Commit::Unanswered,
            _ => Commit::Answered,
        };
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

    /// True if the server of this lost connection may still run the connection's statement. False if that is COMMIT,
    /// which recovery must not cancel.
    pub(super) fn may_run_on(&self) -> bool {
        self.commit != Commit::Unanswered && self.view().awaits_an_answer()
    }

    /// Returns when the last message that the server answers with ReadyForQuery was sent.
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

    /// True if recovery may rely on the transaction status: the driver watches the stream, and there is no pooler,
    /// which would need the reset in the message that ends the transaction.
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

    pub(super) fn take_raw_back(&mut self) {
        self.drop_unread();
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
            *self.diesel_mut().transaction_state() = AnsiTransactionManager::default();
        }
    }
}

impl Drop for PgConnection {
    fn drop(&mut self) {
        // Close it here: tokio-postgres sends Terminate only after the last answer, and only while its runtime polls
        // it. Until then the connection would stay open on both sides although its permit is free.
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
