//! MySQL and MariaDB, over a connection of the crate's own: see `docs/decisions/0023-mysql.md`.

mod cancel;
mod commit;
mod connect;
mod connection;
mod driver_connection;
mod external;
mod nature;
mod open;
mod protocol;
mod query;
mod recovery;
mod reset;
mod setup;
mod statement;
mod statement_cache;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::borrow::Cow;

use diesel::mysql::Mysql as Backend;
use diesel_async::AsyncMysqlConnection;
use diesel_async::pooled_connection::bb8::Pool as ExternalPool;

pub use self::connection::TrackedMysqlConnection;
use self::external::External;
use super::isolation::Level;
use super::{
    Driver, DriverConnection, ExternalError, Isolation, SupportsCredentials, SupportsIsolation,
    TransactionOptions, external_pool,
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
    type Connection = TrackedMysqlConnection;
    type ExternalPool = ExternalPool<AsyncMysqlConnection>;

    async fn connect(settings: &Settings) -> Result<TrackedMysqlConnection, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let mut opened = open::connect(settings).await;
        if let (Some(told), Ok(connection)) = (establishing.finish(&opened), &mut opened) {
            connection.set_instrumentation(told);
        }
        opened
    }

    async fn borrow_external(
        pool: &Self::ExternalPool,
    ) -> Result<TrackedMysqlConnection, ExternalError> {
        // In a task of its own, which no caller drops half-way: the pool pings, and would keep a connection whose ping
        // future was dropped before the reply.
        let pool = pool.clone();
        let borrowed = crate::runtime::spawn(async move { pool.get_owned().await });
        let ended = |error: tokio::task::JoinError| {
            ExternalError::Connect(ConnectError::new(
                ConnectErrorKind::Other,
                error.to_string(),
            ))
        };
        let borrowed = borrowed.map_err(ExternalError::Connect)?.await;
        let borrowed = borrowed.map_err(ended)?;
        borrowed
            .map(|pooled| TrackedMysqlConnection::external(External::new(pooled)))
            .map_err(external_pool::error)
    }

    fn external_figures(pool: &Self::ExternalPool) -> (u32, u32, u32) {
        external_pool::figures(pool)
    }

    const QUOTING: Quoting = Quoting::MYSQL;

    fn endpoint(settings: &Settings, connection: &TrackedMysqlConnection) -> Endpoint {
        let target = url::parse(settings.url.expose()).ok();
        let places = target.as_ref().map(|target| target.places.as_slice());
        let address = match places {
            Some([url::Place::Tcp(host, port)]) => Some((host.clone(), *port)),
            _ => None,
        };
        let system = if connection.is_mariadb() {
            "mariadb"
        } else {
            "mysql"
        };
        Endpoint {
            system,
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
