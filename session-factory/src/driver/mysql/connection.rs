//! The connection that a session uses, and that [`Session::connection`](crate::Session::connection) returns.

use std::future::{Future, ready};
use std::sync::Arc;

use diesel::connection::{
    CacheSize, DynInstrumentation, Instrumentation, InstrumentationEvent, TransactionDepthChange,
};
use diesel::mysql::Mysql;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::ConnectionError;
use diesel::{ConnectionResult, QueryResult};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, AsyncMysqlConnection,
    SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::cancel::Canceller;
use super::external::External;
use super::protocol::{Channel, MysqlRow, error_code};
use super::query::{Query, Rows};
use super::setup::Setup;
use super::statement_cache::Cache;
use crate::driver::{Kill, Prelude};
use crate::error::StatementError;
use crate::observe::Instrumented;

/// A connection to MySQL or MariaDB: diesel's queries run on it as on diesel-async's `AsyncMysqlConnection`.
///
/// [`Session::connection`](crate::Session::connection) returns it. If the factory wraps the application's own pool,
/// this type forwards every call to that pool's connection.
#[allow(missing_debug_implementations)] // an `AsyncMysqlConnection` has none
pub struct TrackedMysqlConnection {
    pub(super) inner: Inner,
    /// True while the body has the raw connection.
    raw: bool,
    condemned: bool,
}

pub(super) enum Inner {
    Own(Box<Own>),
    External(Box<External>),
}

/// A connection that the factory opened.
pub(super) struct Own {
    pub(super) channel: Channel,
    pub(super) setup: Setup,
    pub(super) canceller: Arc<Canceller>,
    pub(super) cache: Cache,
    default_cache: CacheSize,
    transaction: AnsiTransactionManager,
    instrumentation: DynInstrumentation,
    pub(super) observer: Instrumented,
    /// True from a statement's first poll until its future resolves. True at any other time: the future was dropped.
    pub(super) in_flight: bool,
    /// True while COMMIT is sent and not answered.
    pub(super) committing: bool,
    /// True if a KILL may still arrive.
    pub(super) may_be_hit: bool,
}

impl Own {
    pub(super) fn new(
        channel: Channel,
        setup: Setup,
        canceller: Arc<Canceller>,
        statements: Option<usize>,
    ) -> Self {
        let cache = Cache::new(statements);
        Self {
            channel,
            setup,
            canceller,
            default_cache: cache.size(),
            cache,
            transaction: AnsiTransactionManager::default(),
            instrumentation: DynInstrumentation::none(),
            observer: Instrumented::default(),
            in_flight: false,
            committing: false,
            may_be_hit: false,
        }
    }

    /// Reports an event to the application's instrumentation.
    pub(super) fn tell(&mut self, event: InstrumentationEvent<'_>) {
        match self.observer.events().cloned() {
            Some(events) => events.aloud(|| self.instrumentation.on_connection_event(event)),
            None => self.instrumentation.on_connection_event(event),
        }
    }

    /// Call before a statement: none may run after a dropped statement whose outcome is unknown.
    ///
    /// # Errors
    /// If a statement was dropped.
    pub(super) fn check(&self) -> Result<(), StatementError> {
        if self.in_flight {
            return Err(StatementError::connection(
                "a statement was dropped half-way on this connection, so no later one may run on it",
            ));
        }
        Ok(())
    }

    /// Runs a statement's prelude.
    async fn start(&mut self, prelude: &Prelude) -> QueryResult<()> {
        if prelude.settle && self.in_flight {
            let _lost_is_told_below = crate::runtime::within(self.give_up()).await;
        }
        self.check()?;
        prelude.announced.start();
        if let Some(text) = prelude.text() {
            let sent = match self.ready().await {
                Ok(()) => self.control(&text).await,
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                let error = error.into();
                prelude.announced.failed(&error, false);
                return Err(error);
            }
        }
        prelude.announced.succeeded();
        Ok(())
    }
}

impl Own {
    /// Runs SAVEPOINT and RELEASE. A savepoint that is gone because a CREATE TABLE committed its transaction needs no
    /// release: the savepoint's work is committed, or will be with the session's transaction.
    async fn control(&mut self, text: &str) -> Result<(), StatementError> {
        let is_gone = |error: &StatementError| error.code == Some(error_code::NO_SUCH_SAVEPOINT);
        match self.channel.run(text).await {
            Err(error)
                if is_gone(&error)
                    && self.channel.state.has_lost_savepoints()
                    && !text.contains("ROLLBACK TO") =>
            {
                for part in text.split("; ") {
                    match self.channel.run(part).await {
                        Err(error) if !is_gone(&error) => return Err(error),
                        _ => {}
                    }
                }
                Ok(())
            }
            sent => sent,
        }
    }
}

impl TrackedMysqlConnection {
    pub(super) fn own(own: Own) -> Self {
        Self::new(Inner::Own(Box::new(own)))
    }

    pub(super) fn external(external: External) -> Self {
        Self::new(Inner::External(Box::new(external)))
    }

    fn new(inner: Inner) -> Self {
        Self {
            inner,
            raw: false,
            condemned: false,
        }
    }

    /// Returns the connection of the application's pool, or `None` if the factory opened this connection itself.
    pub fn as_async_mysql_connection(&mut self) -> Option<&mut AsyncMysqlConnection> {
        match &mut self.inner {
            Inner::Own(_) => None,
            Inner::External(external) => Some(external.connection()),
        }
    }

    pub(super) fn observer(&mut self) -> &mut Instrumented {
        match &mut self.inner {
            Inner::Own(own) => &mut own.observer,
            Inner::External(external) => &mut external.observer,
        }
    }

    pub(super) fn is_external(&self) -> bool {
        matches!(self.inner, Inner::External(_))
    }

    /// True if the server is MariaDB. False for an external pool's connection, whose server is not asked.
    pub(super) fn is_mariadb(&self) -> bool {
        matches!(&self.inner, Inner::Own(own) if own.canceller.is_mariadb())
    }

    pub(super) fn cache(&self) -> CacheSize {
        match &self.inner {
            Inner::Own(own) => own.default_cache,
            Inner::External(_) => CacheSize::Unbounded,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.condemned
            || match &self.inner {
                Inner::Own(own) => own.channel.is_closed(),
                Inner::External(_) => false,
            }
    }

    pub(super) fn condemn(&mut self) {
        self.condemned = true;
        if let Inner::External(external) = &mut self.inner {
            external.condemn();
        }
    }

    pub(super) fn kill(&self) -> Option<Kill> {
        let Inner::Own(own) = &self.inner else {
            return None;
        };
        let canceller = Arc::clone(&own.canceller);
        let hangup = own.channel.stream()?.hangup();
        Some(Kill(Arc::new(move || {
            let (canceller, hangup) = (Arc::clone(&canceller), Arc::clone(&hangup));
            let _no_runtime = crate::runtime::spawn(async move {
                canceller.cancel().await;
                hangup.now();
            });
        })))
    }

    pub(super) fn enter_raw(&mut self) -> QueryResult<()> {
        if !self.raw {
            self.raw = true;
            self.observer().lend();
            *self.transaction_state() = AnsiTransactionManager::default();
            AnsiTransactionManager::transaction_manager_status_mut(self)
                .transaction_state()?
                .change_transaction_depth(TransactionDepthChange::IncreaseDepth)?;
        }
        Ok(())
    }

    pub(super) fn leave_raw(&mut self) {
        if self.raw {
            self.raw = false;
            self.observer().take_back();
            *self.transaction_state() = AnsiTransactionManager::default();
        }
    }

    /// True if the body began a transaction on the raw connection and did not end it.
    pub(super) fn raw_is_unbalanced(&mut self) -> bool {
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        let depth = status.transaction_depth().ok().flatten();
        self.raw && depth.is_some_and(|depth| depth.get() > 1)
    }

    pub(super) async fn batch_behind(
        &mut self,
        prelude: &Prelude,
        sql: &str,
    ) -> Result<QueryResult<()>, diesel::result::Error> {
        match &mut self.inner {
            Inner::Own(own) => {
                own.start(prelude).await?;
                Ok(if sql.is_empty() {
                    Ok(())
                } else {
                    own.batch(sql).await
                })
            }
            Inner::External(external) => external.batch(prelude, sql).await,
        }
    }

    pub(super) async fn execute_behind(
        &mut self,
        prelude: &Prelude,
        query: Query,
    ) -> Result<QueryResult<usize>, diesel::result::Error> {
        match &mut self.inner {
            Inner::Own(own) => {
                own.start(prelude).await?;
                Ok(own.execute(&query).await)
            }
            Inner::External(external) => external.execute(prelude, query).await,
        }
    }

    pub(super) async fn load_behind(
        &mut self,
        prelude: &Prelude,
        query: Query,
    ) -> Result<QueryResult<Rows<'_>>, diesel::result::Error> {
        match &mut self.inner {
            Inner::Own(own) => {
                own.start(prelude).await?;
                Ok(own.load(&query).await)
            }
            Inner::External(external) => external.load(prelude, query).await,
        }
    }
}

impl SimpleAsyncConnection for TrackedMysqlConnection {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        match &mut self.inner {
            Inner::Own(own) => {
                own.check()?;
                own.batch(query).await
            }
            Inner::External(external) => external.connection().batch_execute(query).await,
        }
    }
}

impl AsyncConnectionCore for TrackedMysqlConnection {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Rows<'conn>;
    type Row<'conn, 'query> = MysqlRow;
    type Backend = Mysql;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Mysql> + QueryId + 'query,
    {
        let query = match Query::of(&source.as_query()) {
            Ok(query) => query,
            Err(error) => return ready(Err(error)).boxed(),
        };
        async move { self.load_behind(&Prelude::default(), query).await? }.boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Mysql> + QueryId + 'query,
    {
        let query = match Query::of(&source) {
            Ok(query) => query,
            Err(error) => return ready(Err(error)).boxed(),
        };
        async move { self.execute_behind(&Prelude::default(), query).await? }.boxed()
    }
}

impl AsyncConnection for TrackedMysqlConnection {
    type TransactionManager = AnsiTransactionManager;

    /// Always returns an error, because only a session's factory opens connections.
    fn establish(_database_url: &str) -> impl Future<Output = ConnectionResult<Self>> + Send {
        ready(Err(ConnectionError::BadConnection(
            "a TrackedMysqlConnection comes from a session: call db.connection()".into(),
        )))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        match &mut self.inner {
            Inner::Own(own) => &mut own.transaction,
            Inner::External(external) => external.connection().transaction_state(),
        }
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        match &mut self.inner {
            Inner::Own(own) => &mut *own.instrumentation,
            Inner::External(external) => external.connection().instrumentation(),
        }
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        match &mut self.inner {
            Inner::Own(own) => own.instrumentation = instrumentation.into(),
            Inner::External(external) => external.connection().set_instrumentation(instrumentation),
        }
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        match &mut self.inner {
            Inner::Own(own) => own.cache.set_size(size),
            Inner::External(external) => {
                external
                    .connection()
                    .set_prepared_statement_cache_size(size);
            }
        }
    }
}
