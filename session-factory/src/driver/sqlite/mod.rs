//! SQLite, embedded: each connection has a thread of its own, on which statements run in order.

mod begin;
mod commit;
mod job;
mod link;
mod script;
mod statement;
mod url;

use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::{
    AnsiTransactionManager, Connection, TransactionManager, TransactionManagerStatus,
};
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::sqlite::{Sqlite as Backend, SqliteConnection};
use diesel_async::AsyncConnectionCore;
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use self::link::SqliteLink;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, Last, Recovered, Reply, Running,
    SupportsImmediate, SupportsIsolation, TransactionOptions, Watched, isolation,
};
use crate::config::Settings;
use crate::error::{ConnectError, ConnectErrorKind, StatementError, StatementErrorKind};

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

impl Driver for Sqlite {
    const NAME: &'static str = "SQLite";
    const HAS_REPLICAS: bool = false;
    const SCHEMES: &'static [&'static str] = &["sqlite", "file"];

    fn check_url(url: &str) -> Result<(), String> {
        url::parse(url).map(drop)
    }

    type Backend = Backend;
    type Connection = Wrapper;
    type Row = <Wrapper as AsyncConnectionCore>::Row<'static, 'static>;
    type Link = SqliteLink;
    type ForeignPool = ForeignPool<Wrapper>;

    fn connection_limit(settings: &Settings) -> Option<u32> {
        // Every connection to `:memory:` would be a database of its own.
        url::is_private_memory(settings.url.expose()).then_some(1)
    }

    async fn connect(settings: &Settings) -> Result<SqliteLink, ConnectError> {
        link::connect(settings).await
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

    fn connection(link: &mut SqliteLink) -> &mut Wrapper {
        link.wrapper()
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

    fn begin_sql(options: &TransactionOptions) -> String {
        // A session that may write takes the write lock at once: a deferred transaction that finds it
        // taken when it comes to write can only fail.
        let sql = if options.read_only {
            begin::READ_ONLY
        } else {
            begin::IMMEDIATE
        };
        sql.to_owned()
    }

    fn load<'conn, 'query, T>(
        link: &'conn mut SqliteLink,
        ahead: Ahead,
        source: T,
    ) -> BoxFuture<'conn, Reply<BoxStream<'conn, QueryResult<Self::Row>>>>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Backend> + QueryId + 'query,
    {
        let query = statement::collect(&source.as_query());
        let stop = link.stop();
        statement::run(link, ahead, move |connection| {
            statement::load(connection, query, &stop)
        })
        .map(|reply| Reply {
            ahead: reply.ahead,
            result: reply
                .result
                .map(|rows| stream::iter(rows.into_iter().map(Ok)).boxed()),
        })
        .boxed()
    }

    fn execute<'conn, 'query, T>(
        link: &'conn mut SqliteLink,
        ahead: Ahead,
        source: T,
    ) -> BoxFuture<'conn, Reply<usize>>
    where
        T: QueryFragment<Backend> + QueryId + 'query,
    {
        let query = statement::collect(&source);
        statement::run(link, ahead, move |connection| {
            statement::execute(connection, query)
        })
        .boxed()
    }

    fn batch(link: &mut SqliteLink, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        statement::run(link, ahead, move |connection| {
            statement::batch(connection, &sql)
        })
        .boxed()
    }

    fn begin_watch(link: &mut SqliteLink) {
        link.facts().begin_watch();
    }

    fn watch(link: &mut SqliteLink) -> Watched {
        match link.facts().ended() {
            Some(committed) => Watched::Ended {
                committed,
                error: None,
            },
            None => Watched::Open,
        }
    }

    fn has_written(link: &mut SqliteLink) -> bool {
        link.facts().has_written()
    }

    fn commits_silently(link: &mut SqliteLink, options: &TransactionOptions) -> bool {
        let facts = link.facts();
        options.read_only && facts.ended().is_none() && !facts.needs_reset()
    }

    async fn enter_raw(link: &mut SqliteLink) -> QueryResult<()> {
        link.facts().set_raw(true);
        link.job(|connection| {
            let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
            *status = TransactionManagerStatus::default();
            status
                .transaction_state()?
                .change_transaction_depth(diesel::connection::TransactionDepthChange::IncreaseDepth)
        })
        .await
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

    async fn rollback(link: &mut SqliteLink) -> Result<(), StatementError> {
        let facts = Arc::clone(link.facts());
        let raw = facts.take_raw();
        let result = link
            .job(move |connection| {
                if raw {
                    leave_raw(connection);
                }
                begin::rollback(connection, &facts)
            })
            .await;
        link.release_writer();
        result.map_err(|error| Self::explain(link, &error))
    }

    async fn recover(link: &mut SqliteLink, _running: Running, deadline: Instant) -> Recovered {
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

    fn needs_reset(link: &SqliteLink) -> bool {
        link.facts().needs_reset()
    }

    async fn reset(link: &mut SqliteLink) -> bool {
        link.reset().await
    }

    fn explain(_link: &SqliteLink, error: &diesel::result::Error) -> StatementError {
        let mut error = StatementError::from(error);
        if error.message.contains("is locked") {
            // SQLITE_BUSY, which diesel has no kind for.
            error.kind = StatementErrorKind::Serialization;
        }
        error
    }
}

/// Takes diesel's own bookkeeping back to "no transaction", and says how deep it was.
fn leave_raw(connection: &mut SqliteConnection) -> u32 {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    let depth = status
        .transaction_depth()
        .ok()
        .flatten()
        .map_or(0, std::num::NonZeroU32::get);
    *connection.transaction_state() = AnsiTransactionManager::default();
    depth
}
