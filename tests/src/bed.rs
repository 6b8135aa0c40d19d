//! A database and a factory for one test.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use session_factory::{Factory, SessionFactory};
use testbed::proxy::{Protocol, Proxy};
use testbed::server::{self, Kind};
use testbed::{mysql, postgres, sqlite};

use crate::{LiteDb, LiteDbConfig, MyDb, MyDbConfig, PgDb, PgDbConfig};

pub(crate) const ITEMS: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";

/// A factory whose database is on a server.
pub trait OnServer: SessionFactory {
    type Kind: Kind;
    const PROTOCOL: Protocol;
    /// The configuration with this URL, changed by `change`.
    fn config(url: &str, change: impl FnOnce(&mut Self::Config)) -> Self::Config;
    /// One connection, so that the next borrower gets the same one, or its successor.
    fn one_connection(config: &mut Self::Config);
}

impl OnServer for PgDb {
    type Kind = postgres::Postgres;
    const PROTOCOL: Protocol = Protocol::Postgres;

    fn config(url: &str, change: impl FnOnce(&mut PgDbConfig)) -> PgDbConfig {
        pg_config(url, change)
    }

    fn one_connection(config: &mut PgDbConfig) {
        (config.pool_size, config.max_overflow) = (1, 0);
    }
}

impl OnServer for MyDb {
    type Kind = mysql::Mysql;
    const PROTOCOL: Protocol = Protocol::Mysql;

    fn config(url: &str, change: impl FnOnce(&mut MyDbConfig)) -> MyDbConfig {
        my_config(url, change)
    }

    fn one_connection(config: &mut MyDbConfig) {
        (config.pool_size, config.max_overflow) = (1, 0);
    }
}

pub fn pg_config(url: &str, change: impl FnOnce(&mut PgDbConfig)) -> PgDbConfig {
    changed(PgDbConfig::from_vars(only(url)).unwrap(), change)
}

pub fn my_config(url: &str, change: impl FnOnce(&mut MyDbConfig)) -> MyDbConfig {
    changed(MyDbConfig::from_vars(only(url)).unwrap(), change)
}

/// An environment with a URL and no other key.
fn only(url: &str) -> impl Fn(&str) -> Option<String> + '_ {
    |key| (key == "DATABASE_URL").then(|| url.to_owned())
}

fn changed<C>(mut config: C, change: impl FnOnce(&mut C)) -> C {
    change(&mut config);
    config
}

/// Waits until no connection is lent or being recovered.
pub async fn at_rest<F: SessionFactory>(factory: &Factory<F>) {
    testbed::eventually(testbed::PATIENCE, "the connections are back", || async {
        let status = factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
}

/// Creates the small table.
pub async fn create_items<K: Kind>(database: &server::Database<K>) {
    database.execute(ITEMS).await;
}

/// A server's database for one test.
pub struct Bed<F: OnServer> {
    pub factory: Factory<F>,
    pub database: server::Database<F::Kind>,
    /// The proxy between the factory and the server, if the bed has one.
    pub proxy: Option<Proxy>,
}

/// A PostgreSQL database for one test.
pub type PgBed = Bed<PgDb>;
/// A MariaDB database for one test.
pub type MyBed = Bed<MyDb>;

impl<F: OnServer> Bed<F> {
    /// Creates a bed with the default configuration.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Boxed: the layout of the whole future would go beyond the compiler's limit in a large test.
    fn database() -> BoxFuture<'static, server::Database<F::Kind>> {
        server::database().boxed()
    }

    pub async fn with(change: impl FnOnce(&mut F::Config)) -> Self {
        let database = Self::database().await;
        let url = database.url();
        Self::make(database, &url, None, change).await
    }

    /// Creates a bed with a proxy.
    pub async fn proxied(change: impl FnOnce(&mut F::Config)) -> Self {
        let database = Self::database().await;
        let proxy = Proxy::with_protocol(database.endpoint().address(), F::PROTOCOL);
        let url = database.url_via(&proxy);
        Self::make(database, &url, Some(proxy), change).await
    }

    /// Creates a bed with one connection, which the next borrower gets, or its successor.
    pub async fn one_connection() -> Self {
        Self::with(F::one_connection).await
    }

    /// The same with a proxy.
    pub async fn one_proxied_connection() -> Self {
        Self::proxied(F::one_connection).await
    }

    pub async fn make(
        database: server::Database<F::Kind>,
        url: &str,
        proxy: Option<Proxy>,
        change: impl FnOnce(&mut F::Config),
    ) -> Self {
        create_items(&database).boxed().await;
        Self {
            factory: Factory::new(F::config(url, change)),
            database,
            proxy,
        }
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a bed with a proxy")
    }

    /// Runs SQL as the database's owner.
    pub async fn run(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// The number of rows that another connection sees.
    pub async fn count(&self) -> i64 {
        self.database.integer("SELECT count(*) FROM items").await
    }

    /// Waits until no connection is lent or being recovered.
    pub async fn at_rest(&self) {
        at_rest(&self.factory).await;
    }
}

/// An SQLite database in a file, for one test.
pub struct LiteBed {
    pub factory: Factory<LiteDb>,
    pub database: sqlite::Database,
}

// Async like the other beds, so that a test can be written once for all.
#[allow(clippy::unused_async)]
impl LiteBed {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut LiteDbConfig)) -> Self {
        let database = sqlite::Database::new();
        database.execute(ITEMS);
        let config = LiteDbConfig::from_vars(only(&database.url())).unwrap();
        Self {
            factory: Factory::new(changed(config, change)),
            database,
        }
    }

    /// Creates a bed with one connection, which the next borrower gets, or its successor.
    pub async fn one_connection() -> Self {
        Self::with(|config| (config.pool_size, config.max_overflow) = (1, 0)).await
    }

    pub async fn count(&self) -> i64 {
        self.database.integer("SELECT count(*) FROM items")
    }

    /// Waits until no connection is lent or being recovered.
    pub async fn at_rest(&self) {
        at_rest(&self.factory).await;
    }
}
