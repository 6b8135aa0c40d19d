//! MySQL and MariaDB, over mysql_async and diesel-async.

mod connect;
mod conversation;
mod error_code;
mod kill;
mod ledger;
mod link;
mod packet;
mod recover;
mod relay;
mod reply;
mod statement;
mod text;
mod url;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::mysql::Mysql as Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};
use diesel_async::{AsyncConnectionCore, AsyncMysqlConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use self::ledger::{End, Ledger};
use self::link::{MysqlLink, Rest};
use self::statement::Flight;
use super::isolation::Level;
use super::{
    Ahead, CommitReply, CommitSent, Driver, ForeignError, GoesTo, Isolation, Kill, Last, Recovered,
    Reply, Running, SupportsCredentials, SupportsIsolation, TransactionOptions, Untyped, Watched,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::{
    CommittedPart, ConnectError, ConnectErrorKind, PartlyCommitted, StatementError,
    StatementErrorKind,
};
use crate::observe::{Establishing, Instrumented, Quoting, ServerErrors, unpanicked};

/// MySQL and MariaDB: `pub struct AppDb(Mysql);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Mysql;

#[diagnostic::do_not_recommend]
impl<L: Level> SupportsIsolation<L> for Mysql {}
#[diagnostic::do_not_recommend]
impl SupportsCredentials for Mysql {}

impl Sealed for Mysql {}

impl UrlDialect for Mysql {
    const NAME: &'static str = "MySQL";
    const SCHEMES: &'static [&'static str] = url::SCHEMES;

    fn check_url(url: &str) -> Result<(), String> {
        url::parse(url).map(drop)
    }
}

impl Driver for Mysql {
    type Backend = Backend;
    type Connection = AsyncMysqlConnection;
    type Row = <AsyncMysqlConnection as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = BoxStream<'conn, QueryResult<Self::Row>>;
    type Link = MysqlLink;
    type ForeignPool = ForeignPool<AsyncMysqlConnection>;

    async fn connect(settings: &Settings) -> Result<MysqlLink, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let mut opened = connect::connect(settings).await;
        if let (Some(told), Ok(link)) = (establishing.finish(&opened), &mut opened) {
            Self::set_instrumentation(link, told);
        }
        opened
    }

    async fn borrow_foreign(pool: &Self::ForeignPool) -> Result<MysqlLink, ForeignError> {
        // In a task of its own, that nobody drops half-way: the pool pings, and would keep a connection whose
        // ping was never answered.
        let pool = pool.clone();
        let borrowed = crate::runtime::spawn(async move { pool.get_owned().await });
        let other = |error: String| {
            ForeignError::Connect(ConnectError::new(ConnectErrorKind::Other, error))
        };
        match borrowed.map_err(ForeignError::Connect)?.await {
            Ok(Ok(connection)) => Ok(MysqlLink::foreign(connection)),
            Ok(Err(RunError::TimedOut)) => Err(ForeignError::TimedOut),
            Ok(Err(RunError::User(error))) => Err(other(error.to_string())),
            Err(ended) => Err(other(ended.to_string())),
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

    fn connection(link: &mut MysqlLink) -> Option<&mut AsyncMysqlConnection> {
        Some(link.connection_mut())
    }

    const QUOTING: Quoting = Quoting::MYSQL;

    fn server_errors(link: &mut MysqlLink) -> Option<Arc<dyn ServerErrors>> {
        let own = link.rest().own.as_ref()?;
        let ledger: Arc<dyn ServerErrors> = own.wire.ledger().clone();
        Some(ledger)
    }

    fn observer(link: &mut MysqlLink) -> &mut Instrumented {
        &mut link.rest_mut().observer
    }

    fn is_foreign(link: &MysqlLink) -> bool {
        link.rest().own.is_none()
    }

    fn cache(link: &MysqlLink) -> CacheSize {
        link.cache()
    }

    fn is_closed(link: &MysqlLink) -> bool {
        link.is_closed()
    }

    fn kill(link: &MysqlLink) -> Option<Kill> {
        link.kill()
    }

    fn condemn(link: &mut MysqlLink) {
        link.condemn();
    }

    async fn ping(link: &mut MysqlLink) -> Result<(), StatementError> {
        if let Some(own) = &link.rest().own {
            let answer = own.wire.ask(packet::COM_PING, b"").await;
            return answer.unwrap_or_else(|| Err(own.wire.why_closed()));
        }
        let result = link.connection_mut().batch_execute("DO 1").await;
        result.map_err(|error| Self::explain(link, &error))
    }

    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str> {
        let isolation = options.isolation.map(|isolation| match isolation {
            Isolation::ReadUncommitted => "ISOLATION LEVEL READ UNCOMMITTED",
            Isolation::ReadCommitted => "ISOLATION LEVEL READ COMMITTED",
            Isolation::RepeatableRead => "ISOLATION LEVEL REPEATABLE READ",
            Isolation::Serializable => "ISOLATION LEVEL SERIALIZABLE",
        });
        let access = options.read_only.then_some("READ ONLY");
        let modes: Vec<_> = isolation.into_iter().chain(access).collect();
        if modes.is_empty() {
            // With autocommit off the first statement begins the transaction.
            return "".into();
        }
        format!("SET TRANSACTION {}", modes.join(", ")).into()
    }

    fn load<'conn>(
        link: &'conn mut MysqlLink,
        ahead: Ahead,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>> {
        let query = statement::collect(&query);
        statement::load(link, ahead, query).boxed()
    }

    fn execute<'conn>(
        link: &'conn mut MysqlLink,
        ahead: Ahead,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let query = statement::collect(&query);
        statement::execute(link, ahead, query).boxed()
    }

    fn batch(link: &mut MysqlLink, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>> {
        statement::batch(link, ahead, sql).boxed()
    }

    fn begin_watch(link: &mut MysqlLink) {
        link.leave_raw();
        if let Some(ledger) = link.rest().ledger() {
            ledger.begin_watch();
        }
    }

    fn watch(link: &mut MysqlLink) -> Watched {
        if link.raw_is_unbalanced() {
            return Watched::Unbalanced;
        }
        let rest = link.rest();
        let Some(ledger) = rest.ledger() else {
            return match &rest.given_up {
                Some(error) => Watched::Ended {
                    committed: false,
                    error: Some(error.clone()),
                },
                None => Watched::Unknown,
            };
        };
        let end = match ledger.ended() {
            Some(End::Unseen) => return Watched::Parted(PartlyCommitted::EndedUnseen),
            Some(end) => end,
            None => return Watched::Open,
        };
        // With autocommit off it is in a transaction of its own, which the session's end rolls back.
        let behind = ledger.behind();
        match behind.and_then(|behind| CommittedPart::of(end == End::Commit, behind)) {
            Some(part) => Watched::Parted(PartlyCommitted::EndedByBody(part)),
            None if end == End::Commit => Watched::Ended {
                committed: true,
                error: None,
            },
            None => Watched::Ended {
                committed: false,
                error: ledger.fatal(),
            },
        }
    }

    fn met_conflict(link: &mut MysqlLink) -> bool {
        link.rest().ledger().is_some_and(Ledger::met_conflict)
    }

    fn has_written(link: &mut MysqlLink) -> bool {
        link.rest().ledger().is_some_and(Ledger::has_written)
    }

    async fn enter_raw(link: &mut MysqlLink) -> QueryResult<()> {
        link.enter_raw()
    }

    async fn commit(link: &mut MysqlLink) -> CommitReply {
        link.leave_raw();
        if !Self::is_closed(link) && link.rest().half_read | link.rest().unverified {
            recover::verify(link).await;
        }
        if link.rest().out_of_step {
            return CommitReply::NotSent(StatementError::connection(
                "a statement was dropped half-way on this connection, or failed behind the rows that were read",
            ));
        }
        let (
            _,
            Rest {
                own: Some(own),
                committing,
                ..
            },
        ) = link.split()
        else {
            return commit_foreign(link).await;
        };
        if own.wire.ledger().is_closed() {
            return CommitReply::NotSent(own.wire.why_closed());
        }
        *committing = true;
        let answer = own.wire.run("COMMIT").await;
        *committing = answer.is_none();
        match answer {
            Some(Ok(())) => CommitReply::Committed,
            Some(Err(error)) if error.code.is_some_and(error_code::leaves_commit_unknown) => {
                CommitReply::Unknown(error)
            }
            Some(Err(error)) => CommitReply::Refused(error),
            None => CommitReply::Unknown(own.wire.why_closed()),
        }
    }

    /// MySQL commits whatever was done, also behind a statement that failed: COMMIT has to wait for the
    /// statement's answer, and is left to the session.
    async fn execute_and_commit<T>(
        link: &mut MysqlLink,
        ahead: Ahead,
        source: T,
        _sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Backend> + QueryId + Send,
    {
        let query = statement::collect(&source);
        drop(source);
        Last {
            reply: statement::execute(link, ahead, query).await,
            commit: None,
        }
    }

    async fn rollback(link: &mut MysqlLink) -> Result<(), StatementError> {
        if link.is_closed() {
            return Ok(());
        }
        link.leave_raw();
        if link.rest().half_read {
            recover::verify(link).await;
        }
        if link.rest().out_of_step {
            recover::settle(link).await;
        }
        if let Some(own) = &link.rest().own {
            let answer = own.wire.roll_back().await;
            return answer.unwrap_or_else(|| Err(own.wire.why_closed()));
        }
        let (connection, rest) = link.split();
        let flight = Flight::start(rest);
        let result = flight.land(unpanicked(connection.batch_execute("ROLLBACK")).await);
        result.map_err(|error| Self::explain(link, &error))
    }

    async fn recover(
        link: &mut MysqlLink,
        running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        recover::recover(link, running, deadline).await
    }

    fn at_rest(link: &MysqlLink) -> bool {
        let rest = link.rest();
        if link.is_closed() {
            return !rest.may_run_on();
        }
        let is_quiet =
            |ledger: &Ledger| ledger.is_quiet() && !ledger.in_transaction() && !ledger.is_alone();
        rest.is_in_step() && !rest.unverified && rest.ledger().is_none_or(is_quiet)
    }

    fn needs_reset(link: &MysqlLink) -> bool {
        link.rest().ledger().is_some_and(Ledger::is_touched)
    }

    async fn reset(link: &mut MysqlLink) -> bool {
        recover::reset(link).await
    }

    fn explain(link: &MysqlLink, error: &diesel::result::Error) -> StatementError {
        link.explain(error)
    }
}

async fn commit_foreign(link: &mut MysqlLink) -> CommitReply {
    let (connection, rest) = link.split();
    let flight = Flight::start(rest);
    match flight.land(unpanicked(connection.batch_execute("COMMIT")).await) {
        Ok(()) => CommitReply::Committed,
        Err(error) => {
            let error = link.explain(&error);
            if error.kind == StatementErrorKind::Connection {
                CommitReply::Unknown(error)
            } else {
                CommitReply::Refused(error)
            }
        }
    }
}
