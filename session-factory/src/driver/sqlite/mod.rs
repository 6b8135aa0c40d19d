//! SQLite, embedded in the process. There is one thread for each connection; each connection's
//! statements run in order on one of them. Transactions that may write run on their file's writer
//! thread.

mod advice;
mod anchor;
mod commit;
mod connection;
mod diesel_wrapper;
mod leftover;
mod mark;
mod open;
mod quiet;
mod raw_access;
mod reset;
mod side_effects;
mod slot;
mod state;
mod statement;
mod task;
mod threads;
mod transaction;
mod transaction_end;
mod url;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::{
    CacheSize, Connection as _, Instrumentation, get_default_instrumentation,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sqlite::Sqlite as Backend;
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::{AsyncConnection as _, AsyncConnectionCore};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use self::connection::LiteConnection;
use self::diesel_wrapper::Wrapper;
use self::quiet::Watching;
use self::slot::Slot;
use self::task::Lost;
use self::transaction_end::TransactionEnd;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, GoesTo, Last, Owner, Recovered, Reply,
    Running, SupportsImmediate, SupportsIsolation, TransactionOptions, Untyped, Watched, isolation,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::{ConnectError, ConnectErrorKind, PartlyCommitted, StatementError};
use crate::observe::{Instrumented, Quoting, Relay};

/// SQLite: `pub struct AppDb(Sqlite);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Sqlite;

#[diagnostic::do_not_recommend]
impl SupportsIsolation<isolation::Serializable> for Sqlite {}
// With a single level, the compiler would suggest `Serializable` for every other level, as if it
// were misspelt.
#[diagnostic::do_not_recommend]
impl SupportsIsolation<std::convert::Infallible> for Sqlite {}
#[diagnostic::do_not_recommend]
impl SupportsImmediate for Sqlite {}

impl Sealed for Sqlite {}

impl UrlDialect for Sqlite {
    const NAME: &'static str = "SQLite";
    const SCHEMES: &'static [&'static str] = url::SCHEMES;

    fn check_url(url: &str) -> Result<(), String> {
        url::parse(url).map(drop)
    }
}

impl Driver for Sqlite {
    type Backend = Backend;
    type Connection = Wrapper;
    type Row = <Wrapper as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = BoxStream<'conn, QueryResult<Self::Row>>;
    type Link = LiteConnection;
    type ForeignPool = ForeignPool<Wrapper>;

    const STOPS_STATEMENTS: bool = false;

    fn connection_limit(settings: &Settings) -> Option<u32> {
        // Every connection to `:memory:` opens a separate database.
        url::is_private(settings.url.expose()).then_some(1)
    }

    async fn connect(settings: &Settings) -> Result<LiteConnection, ConnectError> {
        let mut link = open::connect(settings).await?;
        if let Some(default) = get_default_instrumentation() {
            Self::set_instrumentation(&mut link, default.into());
        }
        Ok(link)
    }

    fn anchor(link: &LiteConnection) -> Option<Arc<dyn Any + Send + Sync>> {
        link.anchor()
            .map(|anchor| anchor as Arc<dyn Any + Send + Sync>)
    }

    async fn borrow_foreign(pool: &Self::ForeignPool) -> Result<LiteConnection, ForeignError> {
        match pool.get_owned().await {
            Ok(connection) => Ok(LiteConnection::foreign(connection)),
            Err(RunError::TimedOut) => Err(ForeignError::TimedOut),
            Err(RunError::User(error)) => Err(ForeignError::Connect(ConnectError::new(
                ConnectErrorKind::Other,
                error.to_string(),
            ))),
        }
    }

    fn foreign_figures(pool: &Self::ForeignPool) -> (u32, u32, u32) {
        let state = pool.state();
        (
            state.connections,
            state.idle_connections,
            pool.config().max_size,
        )
    }

    fn connection(link: &mut LiteConnection) -> Option<&mut Wrapper> {
        match link.slot() {
            Slot::Wrapped(lent) => Some(lent.wrapper()),
            _ => None,
        }
    }

    const QUOTING: Quoting = Quoting::SQLITE;

    fn observer(link: &mut LiteConnection) -> &mut Instrumented {
        link.observer()
    }

    fn own_instrumentation(link: &mut LiteConnection) -> Option<&mut dyn Instrumentation> {
        if link.has_leftover() {
            // A dropped statement still uses the connection.
            return None;
        }
        match link.slot() {
            Slot::Home(connection) => Some(connection.instrumentation()),
            Slot::Wrapped(lent) => Some(lent.wrapper().instrumentation()),
            Slot::Away => None,
        }
    }

    fn install(link: &mut LiteConnection, relay: Relay) {
        let watching = Watching::new(relay, link.state());
        link.install(watching);
    }

    fn uninstall(link: &mut LiteConnection, default: Option<Box<dyn Instrumentation>>) {
        link.install(default);
    }

    fn is_foreign(link: &LiteConnection) -> bool {
        link.state().is_foreign()
    }

    fn set_cache(link: &mut LiteConnection, size: CacheSize) {
        if link.has_leftover() {
            return;
        }
        match link.slot() {
            Slot::Home(connection) => connection.set_prepared_statement_cache_size(size),
            Slot::Wrapped(lent) => lent.wrapper().set_prepared_statement_cache_size(size),
            Slot::Away => {}
        }
    }

    fn is_closed(link: &LiteConnection) -> bool {
        link.is_condemned()
    }

    fn condemn(link: &mut LiteConnection) {
        link.condemn();
    }

    async fn ping(_link: &mut LiteConnection) -> Result<(), StatementError> {
        // There is no server that could have closed the connection.
        Ok(())
    }

    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str> {
        // A session that may write takes the write lock at once. A deferred transaction can only
        // fail if another one has the lock when it first writes.
        let sql = if options.read_only {
            transaction::READ_ONLY
        } else {
            transaction::IMMEDIATE
        };
        sql.into()
    }

    fn load<'conn>(
        link: &'conn mut LiteConnection,
        ahead: Ahead,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>> {
        let query = statement::collect(&query);
        let stop = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::load(connection, query, &stop)
        })
        .map(|reply| Reply {
            ahead: reply.ahead,
            result: reply
                .result
                .map(|rows| stream::iter(rows.into_iter().map(Ok)).boxed()),
            unsent: reply.unsent,
        })
        .boxed()
    }

    fn execute<'conn>(
        link: &'conn mut LiteConnection,
        ahead: Ahead,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let query = statement::collect(&query);
        let state = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::execute(connection, query, &state)
        })
        .boxed()
    }

    fn batch(link: &mut LiteConnection, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        let state = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::batch(connection, &sql, &state)
        })
        .boxed()
    }

    fn begin_watch(link: &mut LiteConnection) {
        link.state().begin_watch();
    }

    fn watch(link: &mut LiteConnection) -> Watched {
        let state = link.state();
        let ended = |committed, error| Watched::Ended { committed, error };
        let (end, has_panicked) = state.end_and_panic();
        match end {
            Some(TransactionEnd::Unseen) => Watched::Parted(PartlyCommitted::EndedUnseen),
            Some(TransactionEnd::Committed) => ended(true, None),
            _ if has_panicked => ended(false, Some(StatementError::from(&quiet::panicked()))),
            Some(TransactionEnd::RolledBack) => ended(false, state.error()),
            None if state.is_unbalanced() => Watched::Unbalanced,
            None => Watched::Open,
        }
    }

    fn has_written(link: &mut LiteConnection) -> bool {
        link.state().has_written()
    }

    fn commits_silently(link: &mut LiteConnection, options: &TransactionOptions) -> bool {
        let state = link.state();
        options.read_only && state.end().is_none() && !state.needs_reset()
    }

    async fn enter_raw(link: &mut LiteConnection) -> QueryResult<()> {
        link.settle().await.map_err(Lost::into_error)?;
        link.observer().may_be_replaced();
        link.state().set_touched();
        link.lend()?;
        let state = link.stop();
        link.task(move |connection| raw_access::enter_raw(connection, &state))
            .await
            .map_err(Lost::into_error)?
    }

    async fn leave_raw(link: &mut LiteConnection) {
        let state = link.stop();
        // If this future is dropped early, the connection's next task runs the check first.
        let _done = link
            .task(move |connection| raw_access::leave_raw(connection, &state))
            .await;
    }

    async fn commit(link: &mut LiteConnection) -> CommitReply {
        commit::commit(link).await
    }

    async fn execute_and_commit<T>(
        link: &mut LiteConnection,
        ahead: Ahead,
        source: T,
        sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Backend> + QueryId + Send,
    {
        let query = statement::collect(&source);
        drop(source);
        commit::behind(link, ahead, query, sent).await
    }

    fn commit_unattended<O, E>(owner: O, over: E) -> Result<(), (O, E)>
    where
        O: Owner<LiteConnection> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        commit::unattended(owner, over)
    }

    async fn rollback(link: &mut LiteConnection) -> Result<(), StatementError> {
        commit::rollback(link).await
    }

    async fn recover(
        link: &mut LiteConnection,
        _running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        link.state().stop_running();
        let done = crate::runtime::within(tokio::time::timeout_at(deadline.into(), async {
            Self::rollback(link).await.is_ok()
        }))
        .await;
        match done {
            Ok(Ok(true)) => Recovered::Clean,
            _ => Recovered::Failed,
        }
    }

    /// A connection with the turn to write has an open transaction.
    fn at_rest(link: &LiteConnection) -> bool {
        !link.has_turn() && !link.has_leftover()
    }

    fn needs_reset(link: &LiteConnection) -> bool {
        link.state().needs_reset()
    }

    async fn reset(link: &mut LiteConnection) -> bool {
        link.reset().await
    }

    fn explain(link: &LiteConnection, reported: &diesel::result::Error) -> StatementError {
        transaction::explained(reported, link.state())
    }
}
