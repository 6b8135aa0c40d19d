//! PostgreSQL, over tokio-postgres and diesel-async.

mod cancel;
mod commit;
mod connect;
mod connection;
mod driver_connection;
mod failed_begin;
mod fragment;
mod pipeline;
mod protocol;
mod recovery;
mod replica;
mod rows;
mod server_view;
mod sql;
mod statement;
mod statement_cache;
mod statement_error;
#[cfg(feature = "tls")]
mod tls;
mod transaction_mark;
mod url;
#[cfg(feature = "testing")]
mod virtual_server;

use std::borrow::Cow;

use diesel::pg::Pg;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::bb8::Pool as ExternalPool;

use self::connection::PgConnection;
use super::isolation::Level;
use super::{
    Driver, DriverConnection, ExternalError, Isolation, SupportsCredentials, SupportsDeferrable,
    SupportsIsolation, SupportsReplica, TransactionOptions, external_pool,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::ConnectError;
use crate::observe::{Endpoint, Establishing, Quoting};

#[cfg(feature = "testing")]
pub(crate) use self::virtual_server::{SEQUENCES, VirtualServer};

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

    fn elsewhere(url: &str) -> Option<String> {
        url::elsewhere(url)
    }
}

impl Driver for Postgres {
    const QUOTING: Quoting = Quoting::POSTGRES;

    fn endpoint(settings: &Settings, _connection: &PgConnection) -> Endpoint {
        let url = url::parse(settings.url.expose()).ok();
        let address = url.as_ref().and_then(|url| match url.hosts.as_slice() {
            [host] => host.name_and_port(),
            _ => None,
        });
        Endpoint {
            system: "postgresql",
            namespace: url.and_then(|url| url.config.get_dbname().map(str::to_owned)),
            address,
        }
    }

    type Backend = Pg;
    type Connection = PgConnection;
    type ExternalPool = ExternalPool<AsyncPgConnection>;

    async fn connect(settings: &Settings) -> Result<PgConnection, ConnectError> {
        let establishing = Establishing::start(|| url::shown(settings.url.expose()));
        let opened = connect::connect(settings).await;
        let told = establishing.finish(&opened);
        let mut connection = opened?;
        connection.set_asks(settings.replica_url.is_some());
        if let Some(told) = told {
            connection.set_instrumentation(told);
        }
        Ok(connection)
    }

    async fn borrow_external(pool: &Self::ExternalPool) -> Result<PgConnection, ExternalError> {
        let borrowed = pool.get_owned().await;
        borrowed
            .map(PgConnection::external)
            .map_err(external_pool::error)
    }

    fn external_figures(pool: &Self::ExternalPool) -> (u32, u32, u32) {
        external_pool::figures(pool)
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
}
