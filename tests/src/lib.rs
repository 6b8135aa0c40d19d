//! Shared code of the integration tests: three factories, one small table, and a bed for each
//! backend.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::missing_panics_doc
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // these are tests

pub mod connect;
pub mod encrypted;
pub mod project;
pub mod slow_cancels;

use session_factory::{Factory, session_factory};
use testbed::proxy::{Protocol, Proxy};

session_factory! {
    /// The tests' PostgreSQL database.
    pub struct PgDb(Postgres);
}

session_factory! {
    /// The tests' MySQL database, on MariaDB.
    pub struct MyDb(Mysql);
}

session_factory! {
    /// The tests' SQLite database.
    pub struct LiteDb(Sqlite);
}

diesel::table! {
    items (id) {
        id -> Integer,
        name -> Text,
    }
}

/// The error type of the tests' functions, as services have one.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Session(#[from] session_factory::SessionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("refused: {0}")]
    Refused(&'static str),
}

/// Replaces the savepoints' names in a text by `session_factory_1` and so on, without the process's
/// token.
pub fn without_token(text: &str) -> String {
    const PREFIX: &str = "session_factory_";
    let mut parts = text.split(PREFIX);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_token =
            |token: &str| token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let level = part.split_once('_').filter(|(token, _)| is_token(token));
        all += PREFIX;
        all += level.map_or(part, |(_, level)| level);
    }
    all
}

const ITEMS: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";

/// A PostgreSQL database for one test.
pub struct PgBed {
    pub factory: Factory<PgDb>,
    pub database: testbed::postgres::Database,
    /// The proxy between the factory and the server, if the bed has one.
    pub proxy: Option<Proxy>,
}

impl PgBed {
    /// Creates a bed with the default configuration.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut PgDbConfig)) -> Self {
        let database = testbed::postgres::database().await;
        let url = database.url();
        Self::make(database, &url, None, change).await
    }

    /// Creates a bed with a proxy.
    pub async fn proxied(change: impl FnOnce(&mut PgDbConfig)) -> Self {
        let database = testbed::postgres::database().await;
        let proxy = Proxy::start(database.endpoint().address());
        let url = database.url_via(&proxy);
        Self::make(database, &url, Some(proxy), change).await
    }

    pub async fn make(
        database: testbed::postgres::Database,
        url: &str,
        proxy: Option<Proxy>,
        change: impl FnOnce(&mut PgDbConfig),
    ) -> Self {
        create_items(&database).await;
        Self {
            factory: Factory::new(pg_config(url, change)),
            database,
            proxy,
        }
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a bed with a proxy")
    }

    /// Runs SQL as the database's administrator.
    pub async fn run(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// The number of rows that another connection sees.
    pub async fn count(&self) -> i64 {
        self.database.integer("SELECT count(*) FROM items").await
    }
}

/// Creates the small table.
pub async fn create_items(database: &testbed::postgres::Database) {
    database.execute(ITEMS).await;
}

pub fn pg_config(url: &str, change: impl FnOnce(&mut PgDbConfig)) -> PgDbConfig {
    let mut config =
        PgDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.to_owned())).unwrap();
    change(&mut config);
    config
}

/// A MariaDB database for one test.
pub struct MyBed {
    pub factory: Factory<MyDb>,
    pub database: testbed::mysql::Database,
    /// The proxy between the factory and the server, if the bed has one.
    pub proxy: Option<Proxy>,
}

impl MyBed {
    /// Creates a bed with the default configuration.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut MyDbConfig)) -> Self {
        let database = testbed::mysql::database().await;
        let url = database.url();
        Self::make(database, &url, None, change).await
    }

    /// Creates a bed with a proxy.
    pub async fn proxied(change: impl FnOnce(&mut MyDbConfig)) -> Self {
        let database = testbed::mysql::database().await;
        let proxy = Proxy::with_protocol(database.endpoint().address(), Protocol::Mysql);
        let url = database.url_via(&proxy);
        Self::make(database, &url, Some(proxy), change).await
    }

    pub async fn make(
        database: testbed::mysql::Database,
        url: &str,
        proxy: Option<Proxy>,
        change: impl FnOnce(&mut MyDbConfig),
    ) -> Self {
        database.execute(ITEMS).await;
        Self {
            factory: Factory::new(my_config(url, change)),
            database,
            proxy,
        }
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a bed with a proxy")
    }

    /// Runs SQL as the administrator.
    pub async fn run(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// The number of rows that another connection sees.
    pub async fn count(&self) -> i64 {
        self.database.integer("SELECT count(*) FROM items").await
    }
}

pub fn my_config(url: &str, change: impl FnOnce(&mut MyDbConfig)) -> MyDbConfig {
    let mut config =
        MyDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.to_owned())).unwrap();
    change(&mut config);
    config
}

/// An SQLite database in a file, for one test.
pub struct LiteBed {
    pub factory: Factory<LiteDb>,
    pub database: testbed::sqlite::Database,
}

impl LiteBed {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    // Async like the other beds, so that a test can be written once for all.
    #[allow(clippy::unused_async)]
    pub async fn with(change: impl FnOnce(&mut LiteDbConfig)) -> Self {
        let database = testbed::sqlite::Database::new();
        database.execute(ITEMS);
        let url = database.url();
        let mut config =
            LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.clone())).unwrap();
        change(&mut config);
        Self {
            factory: Factory::new(config),
            database,
        }
    }

    #[allow(clippy::unused_async)]
    pub async fn count(&self) -> i64 {
        self.database.integer("SELECT count(*) FROM items")
    }
}
