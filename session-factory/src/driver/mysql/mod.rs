//! MySQL and MariaDB, over mysql_async and diesel-async.

mod connect;
mod conversation;
mod driver_connection;
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

use diesel::mysql::Mysql as Backend;
use diesel_async::AsyncMysqlConnection;
use diesel_async::pooled_connection::bb8::{Pool as ForeignPool, RunError};

use self::link::MysqlLink;
use super::isolation::Level;
use super::{
    Driver, DriverConnection, ExternalError, Isolation, SupportsCredentials, SupportsIsolation,
    TransactionOptions,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::observe::{Endpoint, Establishing, Quoting};

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

    fn elsewhere(url: &str) -> Option<String> {
        url::elsewhere(url)
    }
}

impl Driver for Mysql {
    type Backend = Backend;
    type Connection = MysqlLink;
    type ExternalPool = ForeignPool<AsyncMysqlConnection>;

    async fn connect(settings: &Settings) -> Result<MysqlLink, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let mut opened = connect::connect(settings).await;
        if let (Some(told), Ok(connection)) = (establishing.finish(&opened), &mut opened) {
            connection.set_instrumentation(told);
        }
        opened
    }

    async fn borrow_external(pool: &Self::ExternalPool) -> Result<MysqlLink, ExternalError> {
        // In a task of its own, that nobody drops half-way: the pool pings, and would keep a connection whose
        // ping was never answered.
        let pool = pool.clone();
        let borrowed = crate::runtime::spawn(async move { pool.get_owned().await });
        let other = |error: String| {
            ExternalError::Connect(ConnectError::new(ConnectErrorKind::Other, error))
        };
        match borrowed.map_err(ExternalError::Connect)?.await {
            Ok(Ok(connection)) => Ok(MysqlLink::foreign(connection)),
            Ok(Err(RunError::TimedOut)) => Err(ExternalError::TimedOut),
            Ok(Err(RunError::User(error))) => Err(other(error.to_string())),
            Err(ended) => Err(other(ended.to_string())),
        }
    }

    fn external_figures(pool: &Self::ExternalPool) -> (u32, u32, u32) {
        let state = pool.state();
        (
            state.connections,
            state.idle_connections,
            pool.config().max_size,
        )
    }

    const QUOTING: Quoting = Quoting::MYSQL;

    fn endpoint(settings: &Settings, connection: &MysqlLink) -> Endpoint {
        let target = url::parse(settings.url.expose()).ok();
        let places = target.as_ref().map(|target| target.places.as_slice());
        let address = match places {
            Some([url::Place::Tcp(host, port)]) => Some((host.clone(), *port)),
            _ => None,
        };
        let ledger = connection.rest().ledger();
        let is_mariadb = ledger.is_some_and(ledger::Ledger::is_mariadb);
        Endpoint {
            system: if is_mariadb { "mariadb" } else { "mysql" },
            namespace: target.and_then(|target| target.database),
            address,
        }
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
}
