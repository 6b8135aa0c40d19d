//! PostgreSQL, over tokio-postgres and diesel-async.

mod asked;
mod beginning;
mod birth;
mod built;
mod calls;
mod cancel;
mod commit;
mod conflict;
mod connect;
mod connect_error;
mod ends;
mod error_response;
mod fragment;
mod group;
mod introduction;
mod kept;
mod ledger;
mod lexer;
mod link;
mod lookout;
mod mark;
mod names;
mod parting;
mod pooler;
mod positions;
mod prepared;
mod reach;
mod recover;
mod repeated;
mod security;
mod send;
mod socket;
mod stays_open;
mod text;
#[cfg(feature = "tls")]
mod tls;
mod types;
mod url;
mod watch;
mod wire;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, AsyncPgConnection,
    SimpleAsyncConnection, TransactionManager,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use self::ends::End;
use self::fragment::PgQuery;
use self::ledger::{Ledger, Standing, Status};
use self::link::{PgLink, Unseen};
use self::send::Rows;
use super::isolation::Level;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, GoesTo, Isolation, Kill, Last,
    LogPosition as Position, Recovered, Reply, Running, SupportsCredentials, SupportsDeferrable,
    SupportsIsolation, SupportsReplica, TransactionOptions, Watched,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::{
    CommittedPart, ConnectError, ConnectErrorKind, PartlyCommitted, StatementError,
};
use crate::observe::{Establishing, Heard, Observer};

/// PostgreSQL: `pub struct AppDb(Postgres);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Postgres;

impl<L: Level> SupportsIsolation<L> for Postgres {}
impl SupportsCredentials for Postgres {}
impl SupportsDeferrable for Postgres {}
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
    type Link = PgLink;
    type ForeignPool = ForeignPool<AsyncPgConnection>;

    async fn connect(settings: &Settings) -> Result<PgLink, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let opened = pooler::connect(settings).await;
        let told = establishing.finish(&opened);
        let mut link = opened?;
        link.set_asks(settings.replica_url.is_some());
        if let Some(told) = told {
            Self::set_instrumentation(&mut link, told);
        }
        Ok(link)
    }

    async fn borrow_foreign(pool: &Self::ForeignPool) -> Result<PgLink, ForeignError> {
        match pool.get_owned().await {
            Ok(connection) => Ok(PgLink::foreign(connection)),
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

    fn connection(link: &mut PgLink) -> Option<&mut AsyncPgConnection> {
        Some(link.connection_mut())
    }

    fn observer(link: &mut PgLink) -> &mut Observer {
        link.observer()
    }

    fn is_foreign(link: &PgLink) -> bool {
        link.ledger().is_none()
    }

    fn set_cache(link: &mut PgLink, size: CacheSize) {
        link.resize_cache(size);
    }

    fn cache(link: &PgLink) -> CacheSize {
        link.cache()
    }

    fn is_closed(link: &PgLink) -> bool {
        link.is_closed()
    }

    fn kill(link: &PgLink) -> Option<Kill> {
        link.kill()
    }

    fn condemn(link: &mut PgLink) {
        link.condemn();
    }

    async fn ping(link: &mut PgLink) -> Result<(), StatementError> {
        let result = link.connection_mut().batch_execute("").await;
        result.map_err(|error| Self::explain(link, &error))
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
        link: &'conn mut PgLink,
        ahead: Ahead,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<Rows>> {
        send::load(link, ahead, query)
    }

    fn execute<'conn>(
        link: &'conn mut PgLink,
        ahead: Ahead,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        send::execute(link, ahead, query)
    }

    fn batch(link: &mut PgLink, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        let (shared, rest) = link.split();
        rest.look_at(&sql);
        let mut handle = shared;
        let statement = async move {
            if sql.is_empty() {
                // What goes ahead is all that there is to be sent.
                return Ok(());
            }
            handle.batch_execute(&sql).await
        };
        let statement = Heard::held(rest.events(), || Box::pin(statement));
        rest.send(shared, ahead, statement).boxed()
    }

    fn begin_watch(link: &mut PgLink) {
        link.leave_raw();
        link.set_committing(false);
        link.begin_watch();
    }

    fn watch(link: &mut PgLink) -> Watched {
        if link.raw_is_unbalanced() {
            return Watched::Unbalanced;
        }
        if link.ledger().is_some_and(Ledger::goes_on) {
            link.set_doubted(false);
            return Watched::Open;
        }
        let watched = match link.ledger().map(Ledger::standing) {
            None => end_unseen(link.unseen()).unwrap_or(match link.unseen() {
                Unseen::InDoubt { .. } => Watched::InDoubt,
                _ => Watched::Unknown,
            }),
            Some(standing) => end_by_body(&standing).unwrap_or(match standing.status {
                _ if standing.in_doubt => Watched::InDoubt,
                // A lost connection is no statement's failure: COMMIT tells of it.
                Status::Failed if !link.ledger().is_some_and(Ledger::ended_by_loss) => {
                    Watched::Failed(link.ledger().and_then(Ledger::first_error))
                }
                _ => Watched::Open,
            }),
        };
        link.set_doubted(matches!(watched, Watched::InDoubt));
        watched
    }

    async fn ask(link: &mut PgLink) {
        link.ask().await;
    }

    fn met_conflict(link: &mut PgLink) -> bool {
        link.ledger().is_some_and(Ledger::met_conflict)
    }

    fn has_written(link: &mut PgLink) -> bool {
        link.ledger().is_some_and(Ledger::has_written)
    }

    fn sees_writes(link: &PgLink) -> bool {
        link.ledger().is_some()
    }

    fn commits_silently(link: &mut PgLink, options: &TransactionOptions) -> bool {
        let level = options.isolation.or(link.default_isolation());
        let cannot_fail = match level {
            // Whoever only reads can still be the one that a conflict is resolved against, at COMMIT.
            Some(Isolation::Serializable) => options.deferrable,
            Some(_) => true,
            None => false,
        };
        options.read_only && cannot_fail && link.ledger().is_some_and(Ledger::has_only_read)
    }

    async fn enter_raw(link: &mut PgLink) -> QueryResult<()> {
        link.enter_raw().await
    }

    async fn commit(link: &mut PgLink) -> CommitReply {
        commit::commit(link).await
    }

    async fn execute_and_commit<T>(
        link: &mut PgLink,
        ahead: Ahead,
        source: T,
        sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Pg> + QueryId + Send,
    {
        commit::behind(link, ahead, source, sent).await
    }

    fn committed_at(link: &mut PgLink) -> Option<Position> {
        link.committed_at()
    }

    fn was_committed_by_body(link: &mut PgLink) -> bool {
        link.was_committed_by_body()
    }

    async fn has_replayed(
        link: &mut PgLink,
        position: Position,
        patience: Duration,
    ) -> Result<bool, StatementError> {
        positions::has_replayed(link, position, patience).await
    }

    async fn rollback(link: &mut PgLink) -> Result<(), StatementError> {
        if link.is_closed() {
            return Ok(());
        }
        link.leave_raw();
        let rollback = link.ending("ROLLBACK");
        link.seal();
        let result = link.connection_mut().batch_execute(&rollback).await;
        link.note_reset(result.is_ok());
        result.map_err(|error| Self::explain(link, &error))
    }

    async fn recover(
        link: &mut PgLink,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        recover::recover(link, running, goes_to, deadline).await
    }

    fn at_rest(link: &PgLink) -> bool {
        link.is_quiet() && !link.may_be_hit()
    }

    fn is_lendable(link: &PgLink) -> bool {
        !link.may_be_hit()
    }

    fn is_pooled(link: &PgLink) -> bool {
        link.is_pooled()
    }

    fn needs_reset(link: &PgLink) -> bool {
        link.ledger().is_some_and(Ledger::needs_reset)
    }

    async fn reset(link: &mut PgLink) -> bool {
        recover::reset(link).await
    }

    fn explain(link: &PgLink, error: &diesel::result::Error) -> StatementError {
        link.explain(error)
    }
}

/// How the transaction ended that something else than the session ended.
fn end_by_body(standing: &Standing) -> Option<Watched> {
    let before = match standing.first? {
        End::Commit => true,
        End::Rollback => false,
        End::Unseen => return Some(Watched::Parted(PartlyCommitted::EndedUnseen)),
    };
    let behind = standing.behind;
    let part = behind.and_then(|behind| CommittedPart::of(before, behind));
    Some(match part {
        Some(part) => Watched::Parted(PartlyCommitted::EndedByBody(part)),
        None => Watched::Ended {
            committed: before,
            error: None,
        },
    })
}

/// The same without a view of the protocol.
fn end_unseen(unseen: Unseen) -> Option<Watched> {
    match unseen {
        Unseen::Open | Unseen::InDoubt { .. } => None,
        Unseen::Ended { rolled_back: true } => Some(Watched::Ended {
            committed: false,
            error: None,
        }),
        Unseen::Ended { rolled_back: false } => Some(Watched::Parted(PartlyCommitted::EndedUnseen)),
    }
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
