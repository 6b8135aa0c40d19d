//! SQLite, embedded: a connection's statements run in order on one of as many threads as there are connections, and
//! those of a transaction that may write on the one of the file's writers.

mod advice;
mod anchor;
mod begin;
mod commit;
mod facts;
mod job;
mod lent;
mod link;
mod mark;
mod open;
mod quiet;
mod side_effects;
mod statement;
mod thread;
mod tidy;
mod url;
mod workers;
mod writers;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::{
    CacheSize, Connection as _, Instrumentation, get_default_instrumentation,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sqlite::{Sqlite as Backend, SqliteConnection};
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, AsyncConnectionCore};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use self::facts::End;
use self::job::Lost;
use self::link::{Held, SqliteLink};
use self::quiet::Watching;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, GoesTo, Last, Owner, Recovered, Reply,
    Running, SupportsImmediate, SupportsIsolation, TransactionOptions, Untyped, Watched, isolation,
};
use crate::config::{Settings, UrlDialect};
use crate::error::{ConnectError, ConnectErrorKind, PartlyCommitted, StatementError};
use crate::observe::{Observer, Relay};

/// The connection type of diesel-async for SQLite.
pub(crate) type Wrapper = SyncConnectionWrapper<SqliteConnection>;

/// SQLite: `pub struct AppDb(Sqlite);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Sqlite;

impl SupportsIsolation<isolation::Serializable> for Sqlite {}
// With one level alone the compiler would take every other for a misspelt `Serializable`, and say so.
#[diagnostic::do_not_recommend]
impl SupportsIsolation<std::convert::Infallible> for Sqlite {}
impl SupportsImmediate for Sqlite {}

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
    type Link = SqliteLink;
    type ForeignPool = ForeignPool<Wrapper>;

    fn connection_limit(settings: &Settings) -> Option<u32> {
        // Every connection to `:memory:` would be a database of its own.
        url::is_private(settings.url.expose()).then_some(1)
    }

    async fn connect(settings: &Settings) -> Result<SqliteLink, ConnectError> {
        let mut link = open::connect(settings).await?;
        if let Some(default) = get_default_instrumentation() {
            Self::set_instrumentation(&mut link, default.into());
        }
        Ok(link)
    }

    fn anchor(link: &SqliteLink) -> Option<Arc<dyn Any + Send + Sync>> {
        link.anchor()
            .map(|anchor| anchor as Arc<dyn Any + Send + Sync>)
    }

    async fn borrow_foreign(pool: &Self::ForeignPool) -> Result<SqliteLink, ForeignError> {
        match pool.get_owned().await {
            Ok(connection) => Ok(SqliteLink::foreign(connection)),
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

    fn connection(link: &mut SqliteLink) -> Option<&mut Wrapper> {
        match link.held() {
            Held::Lent(lent) => Some(lent.wrapper()),
            _ => None,
        }
    }

    fn observer(link: &mut SqliteLink) -> &mut Observer {
        link.observer()
    }

    fn own_instrumentation(link: &mut SqliteLink) -> Option<&mut dyn Instrumentation> {
        if link.has_leftover() {
            // A dropped statement still has the connection.
            return None;
        }
        match link.held() {
            Held::Home(connection) => Some(connection.instrumentation()),
            Held::Lent(lent) => Some(lent.wrapper().instrumentation()),
            Held::Away => None,
        }
    }

    fn install(link: &mut SqliteLink, relay: Relay) {
        let watching = Watching::new(relay, link.facts());
        link.install(watching);
    }

    fn uninstall(link: &mut SqliteLink, default: Option<Box<dyn Instrumentation>>) {
        link.install(default);
    }

    fn is_foreign(link: &SqliteLink) -> bool {
        link.facts().is_foreign()
    }

    fn set_cache(link: &mut SqliteLink, size: CacheSize) {
        if link.has_leftover() {
            return;
        }
        match link.held() {
            Held::Home(connection) => connection.set_prepared_statement_cache_size(size),
            Held::Lent(lent) => lent.wrapper().set_prepared_statement_cache_size(size),
            Held::Away => {}
        }
    }

    fn is_closed(link: &SqliteLink) -> bool {
        link.is_condemned()
    }

    fn condemn(link: &mut SqliteLink) {
        link.condemn();
    }

    async fn ping(_link: &mut SqliteLink) -> Result<(), StatementError> {
        // There is no server that could have gone away.
        Ok(())
    }

    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str> {
        // A session that may write takes the write lock at once: a deferred transaction that finds it
        // taken when it comes to write can only fail.
        let sql = if options.read_only {
            begin::READ_ONLY
        } else {
            begin::IMMEDIATE
        };
        sql.into()
    }

    fn load<'conn>(
        link: &'conn mut SqliteLink,
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
        link: &'conn mut SqliteLink,
        ahead: Ahead,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let query = statement::collect(&query);
        let facts = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::execute(connection, query, &facts)
        })
        .boxed()
    }

    fn batch(link: &mut SqliteLink, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        let facts = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::batch(connection, &sql, &facts)
        })
        .boxed()
    }

    fn begin_watch(link: &mut SqliteLink) {
        link.facts().begin_watch();
    }

    fn watch(link: &mut SqliteLink) -> Watched {
        let facts = link.facts();
        let ended = |committed, error| Watched::Ended { committed, error };
        let (end, has_panicked) = facts.end_and_panic();
        match end {
            Some(End::Unseen) => Watched::Parted(PartlyCommitted::EndedUnseen),
            Some(End::Committed) => ended(true, None),
            _ if has_panicked => ended(false, Some(StatementError::from(&quiet::panicked()))),
            Some(End::RolledBack) => ended(false, None),
            None if facts.is_unbalanced() => Watched::Unbalanced,
            None => Watched::Open,
        }
    }

    fn has_written(link: &mut SqliteLink) -> bool {
        link.facts().has_written()
    }

    fn commits_silently(link: &mut SqliteLink, options: &TransactionOptions) -> bool {
        let facts = link.facts();
        options.read_only && facts.end().is_none() && !facts.needs_reset()
    }

    async fn enter_raw(link: &mut SqliteLink) -> QueryResult<()> {
        link.settle().await.map_err(Lost::into_error)?;
        link.observer().may_be_replaced();
        link.facts().set_touched();
        link.lend()?;
        let facts = link.stop();
        link.job(move |connection| mark::enter_raw(connection, &facts))
            .await
            .map_err(Lost::into_error)?
    }

    async fn leave_raw(link: &mut SqliteLink) {
        let facts = link.stop();
        // If it is not done here it is done ahead of what comes next.
        let _done = link
            .job(move |connection| mark::leave_raw(connection, &facts))
            .await;
    }

    async fn commit(link: &mut SqliteLink) -> CommitReply {
        commit::commit(link).await
    }

    async fn execute_and_commit<T>(
        link: &mut SqliteLink,
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
        O: Owner<SqliteLink> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        commit::unattended(owner, over)
    }

    async fn rollback(link: &mut SqliteLink) -> Result<(), StatementError> {
        commit::rollback(link).await
    }

    async fn recover(
        link: &mut SqliteLink,
        _running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        link.facts().stop_running();
        let done = crate::runtime::within(tokio::time::timeout_at(deadline.into(), async {
            Self::rollback(link).await.is_ok()
        }))
        .await;
        match done {
            Ok(Ok(true)) => Recovered::Clean,
            _ => Recovered::Failed,
        }
    }

    /// Whoever has the turn to write has a transaction open.
    fn at_rest(link: &SqliteLink) -> bool {
        !link.has_turn() && !link.has_leftover()
    }

    fn needs_reset(link: &SqliteLink) -> bool {
        link.facts().needs_reset()
    }

    async fn reset(link: &mut SqliteLink) -> bool {
        link.reset().await
    }

    fn explain(link: &SqliteLink, reported: &diesel::result::Error) -> StatementError {
        begin::explained(reported, link.facts())
    }
}
