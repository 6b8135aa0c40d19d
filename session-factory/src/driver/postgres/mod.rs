//! PostgreSQL, over tokio-postgres and diesel-async.

mod cancel;
mod commit;
mod connect;
mod connection;
mod failed_begin;
mod fragment;
mod mark;
mod pipeline;
mod protocol;
mod recovery;
mod replica;
mod server_view;
mod sql;
mod statement;
mod statement_cache;
mod statement_error;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::connection::PgConnection;
use self::fragment::PgQuery;
use self::protocol::state::ProtocolState;
use self::statement::Rows;
use super::isolation::Level;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, GoesTo, Isolation, Kill, Last,
    LogPosition as Position, Recovered, Reply, Running, SupportsCredentials, SupportsDeferrable,
    SupportsIsolation, SupportsReplica, TransactionOptions, Watched,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::{ConnectError, ConnectErrorKind, StatementError};
use crate::observe::{Establishing, Heard, Instrumented, Quoting, ServerErrors, unpanicked};

/// PostgreSQL: `pub struct AppDb(Postgres);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Postgres;

#[diagnostic::do_not_recommend]
impl<L: Level> SupportsIsolation<L> for Postgres {}
#[diagnostic::do_not_recommend]
impl SupportsCredentials for Postgres {}
#[diagnostic::do_not_recommend]
impl SupportsDeferrable for Postgres {}
#[diagnostic::do_not_recommend]
impl SupportsReplica for Postgres {}

impl Sealed for Postgres {}

impl UrlDialect for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const HAS_REPLICAS: bool = true;
    const SCHEMES: &'static [&'static str] = url::SCHEMES;

    fn check_url(url: &str) -> Result<(), String> {
        url::parse(url).map(drop)
    }
}

impl Driver for Postgres {
    type Backend = Pg;
    type Connection = AsyncPgConnection;
    type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = Rows;
    type Link = PgConnection;
    type ForeignPool = ForeignPool<AsyncPgConnection>;

    async fn connect(settings: &Settings) -> Result<PgConnection, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let opened = connect::connect(settings).await;
        let told = establishing.finish(&opened);
        let mut connection = opened?;
        connection.set_asks(settings.replica_url.is_some());
        if let Some(told) = told {
            Self::set_instrumentation(&mut connection, told);
        }
        Ok(connection)
    }

    async fn borrow_foreign(pool: &Self::ForeignPool) -> Result<PgConnection, ForeignError> {
        match pool.get_owned().await {
            Ok(connection) => Ok(PgConnection::external(connection)),
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

    fn connection(connection: &mut PgConnection) -> Option<&mut AsyncPgConnection> {
        Some(connection.diesel_mut())
    }

    const QUOTING: Quoting = Quoting::POSTGRES;

    fn server_errors(connection: &mut PgConnection) -> Option<Arc<dyn ServerErrors>> {
        let protocol = connection.view().shared_protocol()?;
        Some(protocol)
    }

    fn observer(connection: &mut PgConnection) -> &mut Instrumented {
        connection.observer()
    }

    fn is_foreign(connection: &PgConnection) -> bool {
        !connection.view().is_watched()
    }

    fn set_cache(connection: &mut PgConnection, size: CacheSize) {
        connection.resize_cache(size);
    }

    fn cache(connection: &PgConnection) -> CacheSize {
        connection.cache()
    }

    fn is_closed(connection: &PgConnection) -> bool {
        connection.is_closed()
    }

    fn kill(connection: &PgConnection) -> Option<Kill> {
        connection.kill()
    }

    fn condemn(connection: &mut PgConnection) {
        connection.condemn();
    }

    async fn ping(connection: &mut PgConnection) -> Result<(), StatementError> {
        let _used = connection.attend();
        let result = connection.diesel_mut().batch_execute("").await;
        result.map_err(|error| connection.view().explain(&error))
    }

    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str> {
        if *options == TransactionOptions::default() {
            return "BEGIN".into();
        }
        if options.read_only && options.isolation.is_none() && !options.deferrable {
            return "BEGIN READ ONLY".into();
        }
        let mut sql = String::from("BEGIN");
        if let Some(isolation) = options.isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(match isolation {
                Isolation::ReadUncommitted => "READ UNCOMMITTED",
                Isolation::ReadCommitted => "READ COMMITTED",
                Isolation::RepeatableRead => "REPEATABLE READ",
                Isolation::Serializable => "SERIALIZABLE",
            });
        }
        if options.read_only {
            sql.push_str(" READ ONLY");
        }
        if options.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        sql.into()
    }

    fn load<'conn>(
        connection: &'conn mut PgConnection,
        ahead: Ahead,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<Rows>> {
        statement::load(connection.split_for_statement(), ahead, query)
    }

    fn execute<'conn>(
        connection: &'conn mut PgConnection,
        ahead: Ahead,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        statement::execute(connection.split_for_statement(), ahead, query)
    }

    fn batch(connection: &mut PgConnection, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        let (shared, statements) = connection.split();
        statements.look_at(&sql);
        let mut handle = shared;
        let statement = async move {
            if sql.is_empty() {
                // The prelude is all there is to send.
                return Ok(());
            }
            handle.batch_execute(&sql).await
        };
        let statement = Heard::held(statements.events(), || Box::pin(statement));
        statements.send(shared, ahead, statement).boxed()
    }

    fn begin_watch(connection: &mut PgConnection) {
        connection.leave_raw();
        connection.begin_watch();
    }

    fn watch(connection: &mut PgConnection) -> Watched {
        connection.watch()
    }

    async fn ask(connection: &mut PgConnection) {
        let _used = connection.attend();
        connection.ask().await;
    }

    fn met_conflict(connection: &mut PgConnection) -> bool {
        let protocol = connection.view().protocol();
        protocol.is_some_and(ProtocolState::met_conflict)
    }

    fn has_written(connection: &mut PgConnection) -> bool {
        connection.view().has_written()
    }

    fn sees_writes(connection: &PgConnection) -> bool {
        connection.view().is_watched()
    }

    fn commits_silently(connection: &mut PgConnection, options: &TransactionOptions) -> bool {
        let level = options.isolation.or(connection.default_isolation());
        let cannot_fail = match level {
            // At COMMIT, the server may abort even a read-only serializable transaction, unless it is deferrable.
            Some(Isolation::Serializable) => options.deferrable,
            Some(_) => true,
            None => false,
        };
        options.read_only
            && cannot_fail
            && connection
                .view()
                .protocol()
                .is_some_and(ProtocolState::has_only_read)
    }

    async fn enter_raw(connection: &mut PgConnection) -> QueryResult<()> {
        connection.enter_raw().await
    }

    async fn commit(connection: &mut PgConnection) -> CommitReply {
        let _used = connection.attend();
        commit::commit(connection).await
    }

    async fn execute_and_commit<T>(
        connection: &mut PgConnection,
        ahead: Ahead,
        source: T,
        sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Pg> + QueryId + Send,
    {
        let _used = connection.attend();
        commit::behind(connection, ahead, source, sent).await
    }

    fn committed_at(connection: &mut PgConnection) -> Option<Position> {
        connection.committed_at()
    }

    fn was_committed_by_body(connection: &mut PgConnection) -> bool {
        connection.was_committed_by_body()
    }

    async fn has_replayed(
        connection: &mut PgConnection,
        position: Position,
        patience: Duration,
    ) -> Result<bool, StatementError> {
        let _used = connection.attend();
        replica::has_replayed(connection, position, patience).await
    }

    async fn rollback(connection: &mut PgConnection) -> Result<(), StatementError> {
        if connection.is_closed() {
            return Ok(());
        }
        let _used = connection.attend();
        connection.leave_raw();
        let rollback = connection.ending("ROLLBACK");
        connection.view().seal();
        let result = unpanicked(connection.diesel_mut().batch_execute(&rollback)).await;
        connection.note_reset(result.is_ok());
        result.map_err(|error| connection.view().explain(&error))
    }

    async fn recover(
        connection: &mut PgConnection,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        let _used = connection.attend();
        recovery::recover(connection, running, goes_to, deadline).await
    }

    fn at_rest(connection: &PgConnection) -> bool {
        connection.is_quiet() && !connection.may_be_hit()
    }

    fn is_lendable(connection: &PgConnection) -> bool {
        !connection.may_be_hit()
    }

    fn is_pooled(connection: &PgConnection) -> bool {
        connection.is_pooled()
    }

    fn needs_reset(connection: &PgConnection) -> bool {
        connection.view().needs_reset()
    }

    async fn reset(connection: &mut PgConnection) -> bool {
        let _used = connection.attend();
        recovery::reset(connection).await
    }

    fn explain(connection: &PgConnection, error: &diesel::result::Error) -> StatementError {
        connection.view().explain(error)
    }
}
