//! The SQLite systems, each with its documented way to run a transaction.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, session_factory, with_session};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::systems::PATIENCE;

const CONNECTIONS: u32 = 10;
pub(super) const OURS: &str = "session-factory";
pub(super) const LAST: &str = "session-factory, commit_with";
pub(super) const FLOOR: &str = "plain diesel";
/// The same settings for all systems. Ours waits for the write lock outside SQLite, with its own
/// time limit.
const PRAGMAS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000";
const UPDATE: &str = "UPDATE counters SET n = n + 1 WHERE id = $1";
const SELECT: &str = "SELECT n FROM counters WHERE id = $1";

diesel::table! {
    counters (id) {
        id -> Integer,
        n -> Integer,
    }
}

session_factory! {
    /// The benchmarks' SQLite file.
    pub struct LiteDb(Sqlite);
}

/// A pool, and one transaction of one statement.
pub(super) trait Lite: Send + Sync {
    fn write(&self, row: i32) -> BoxFuture<'_, Result<()>>;
    fn read(&self, row: i32) -> BoxFuture<'_, Result<()>>;
}

/// Opens a pool on the file.
pub(super) async fn open(
    system: &str,
    database: &testbed::sqlite::Database,
) -> Result<Arc<dyn Lite>> {
    let path = database.path().display().to_string();
    Ok(match system {
        "sqlx" => {
            let options = SqliteConnectOptions::new()
                .filename(&path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5));
            let pool = SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE);
            Arc::new(Sqlx(pool.connect_with(options).await?))
        }
        "diesel-async's wrapper" => {
            let manager = AsyncDieselConnectionManager::<Wrapper>::new(&path);
            let pool = Pool::builder()
                .max_size(CONNECTIONS)
                .connection_timeout(PATIENCE);
            let pool = pool.build(manager).await?;
            // Prepares every connection: while some are borrowed, the pool lends the others.
            let mut held = Vec::new();
            for _ in 0..CONNECTIONS {
                let mut connection = pool.get_owned().await?;
                connection.batch_execute(PRAGMAS).await?;
                held.push(connection);
            }
            drop(held);
            Arc::new(ByHand(pool))
        }
        FLOOR => {
            let mut connection = SqliteConnection::establish(&path)?;
            connection.batch_execute(PRAGMAS)?;
            Arc::new(Plain(Mutex::new(connection)))
        }
        ours => {
            let url = database.url();
            let mut config =
                LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.clone()))?;
            config.pool_size = CONNECTIONS;
            config.max_overflow = 0;
            config.pool_timeout = PATIENCE;
            let factory = Factory::new(config);
            Arc::new(Ours {
                factory,
                commit_with: ours == LAST,
            })
        }
    })
}

/// The floor: synchronous, on the caller's thread.
struct Plain(Mutex<SqliteConnection>);

impl Plain {
    fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lite for Plain {
    fn write(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            self.connection().immediate_transaction(|connection| {
                diesel::update(counters::table.find(row))
                    .set(counters::n.eq(counters::n + 1))
                    .execute(connection)
            })?;
            Ok(())
        }
        .boxed()
    }

    fn read(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            self.connection().transaction(|connection| {
                counters::table
                    .find(row)
                    .select(counters::n)
                    .get_result::<i32>(connection)
            })?;
            Ok(())
        }
        .boxed()
    }
}

struct Ours {
    factory: Factory<LiteDb>,
    commit_with: bool,
}

#[with_session]
async fn add(db: &mut Session<LiteDb>, row: i32) -> QueryResult<usize> {
    let add = diesel::update(counters::table.find(row)).set(counters::n.eq(counters::n + 1));
    diesel_async::RunQueryDsl::execute(add, db).await
}

#[with_session]
async fn add_and_commit(
    db: &mut Session<LiteDb>,
    row: i32,
) -> Result<usize, session_factory::SessionError> {
    let add = diesel::update(counters::table.find(row)).set(counters::n.eq(counters::n + 1));
    db.commit_with(add).await
}

#[with_session(read_only)]
async fn look(db: &mut Session<LiteDb>, row: i32) -> QueryResult<i32> {
    let look = counters::table.find(row).select(counters::n);
    diesel_async::RunQueryDsl::get_result(look, db).await
}

impl Lite for Ours {
    fn write(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        let write = async move {
            if self.commit_with {
                add_and_commit(row).await?;
            } else {
                add(row).await?;
            }
            Ok(())
        };
        self.factory.scope(write).boxed()
    }

    fn read(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        let read = async move {
            look(row).await?;
            Ok(())
        };
        self.factory.scope(read).boxed()
    }
}

type Wrapper = SyncConnectionWrapper<SqliteConnection>;

struct ByHand(Pool<Wrapper>);

impl Lite for ByHand {
    fn write(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut connection = self.0.get().await?;
            connection
                .immediate_transaction(async |connection| {
                    let add = diesel::update(counters::table.find(row))
                        .set(counters::n.eq(counters::n + 1));
                    diesel_async::RunQueryDsl::execute(add, connection).await
                })
                .await?;
            Ok(())
        }
        .boxed()
    }

    fn read(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut connection = self.0.get().await?;
            connection
                .transaction(async |connection| {
                    let look = counters::table.find(row).select(counters::n);
                    diesel_async::RunQueryDsl::get_result::<i32>(look, connection).await
                })
                .await?;
            Ok(())
        }
        .boxed()
    }
}

struct Sqlx(sqlx::SqlitePool);

impl Lite for Sqlx {
    fn write(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(UPDATE)
                .bind(row)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        }
        .boxed()
    }

    fn read(&self, row: i32) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut transaction = self.0.begin().await?;
            let row = sqlx::query(SELECT)
                .bind(row)
                .fetch_one(&mut *transaction)
                .await?;
            let _n: i32 = row.get(0);
            transaction.commit().await?;
            Ok(())
        }
        .boxed()
    }
}
