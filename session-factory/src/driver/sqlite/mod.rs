//! SQLite, embedded in the process. There are as many threads as connections. A connection's statements run in order,
//! each on any of these threads, except that transactions that may write run on the writer thread of their
//! file.

mod advice;
mod anchor;
mod commit;
mod connection;
mod diesel_wrapper;
mod driver_connection;
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
mod url;

use std::borrow::Cow;

use diesel::connection::get_default_instrumentation;
use diesel::sqlite::Sqlite as Backend;
use diesel_async::pooled_connection::bb8::Pool as ExternalPool;

use self::connection::LiteConnection;
use self::diesel_wrapper::Wrapper;
use super::{
    Driver, DriverConnection, ExternalError, SupportsImmediate, SupportsIsolation,
    TransactionOptions, external_pool, isolation,
};
use crate::config::{Sealed, Settings, UrlDialect};
use crate::error::ConnectError;
use crate::observe::{Endpoint, Quoting};

/// SQLite: `pub struct AppDb(Sqlite);`
#[derive(Debug)]
#[non_exhaustive]
pub struct Sqlite;

#[diagnostic::do_not_recommend]
impl SupportsIsolation<isolation::Serializable> for Sqlite {}
// A second implementation, because with a single one the compiler would suggest `Serializable` for every other
// level, as if that level were misspelt.
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

    fn elsewhere(_url: &str) -> Option<String> {
        None
    }
}

impl Driver for Sqlite {
    type Backend = Backend;
    type Connection = LiteConnection;
    type ExternalPool = ExternalPool<Wrapper>;

    const STOPS_STATEMENTS: bool = false;
    const QUOTING: Quoting = Quoting::SQLITE;

    fn endpoint(_settings: &Settings, _connection: &LiteConnection) -> Endpoint {
        Endpoint {
            system: "sqlite",
            ..Endpoint::default()
        }
    }

    fn connection_limit(settings: &Settings) -> Option<u32> {
        // Every connection to `:memory:` opens a separate database, so the pool may have only one.
        url::is_private(settings.url.expose()).then_some(1)
    }

    async fn connect(settings: &Settings) -> Result<LiteConnection, ConnectError> {
        let mut connection = open::connect(settings).await?;
        if let Some(default) = get_default_instrumentation() {
            connection.set_instrumentation(default.into());
        }
        Ok(connection)
    }

    async fn borrow_external(pool: &Self::ExternalPool) -> Result<LiteConnection, ExternalError> {
        let borrowed = pool.get_owned().await;
        borrowed
            .map(LiteConnection::external)
            .map_err(external_pool::error)
    }

    fn external_figures(pool: &Self::ExternalPool) -> (u32, u32, u32) {
        external_pool::figures(pool)
    }

    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str> {
        // A session that may write takes the write lock at once. A deferred transaction would fail if another
        // transaction has the lock at its first write.
        let sql = if options.read_only {
            transaction::READ_ONLY
        } else {
            transaction::IMMEDIATE
        };
        sql.into()
    }
}
