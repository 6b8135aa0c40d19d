//! A hand-written wrapper around diesel-async and bb8, as many services have one. The torture must
//! find its mistakes.

use std::sync::Arc;
use std::time::Duration;

use bb8::Pool;
use diesel_async::AsyncConnection as _;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use futures_util::future::BoxFuture;
use tokio::sync::Barrier;

use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{
    Answer, Body, Done, Entry, Extras, Failure, LIMIT, Lite, Plain, Queries as _, Subject,
};

const ROLLBACK_ONLY: &str = "rollback only";

macro_rules! naive {
    ($module:ident, $backend:expr, $connection:ty, $address:expr) => {
        pub(crate) mod $module {
            use super::*;

            /// The wrapper: a pool, and a transaction around every function that writes.
            pub(crate) struct Naive(Pool<AsyncDieselConnectionManager<$connection>>);

            impl Naive {
                pub(crate) async fn new(url: &str) -> Self {
                    let address: fn(&str) -> &str = $address;
                    let manager = AsyncDieselConnectionManager::new(address(url));
                    let pool = Pool::builder()
                        .max_size(LIMIT)
                        .connection_timeout(Duration::from_secs(5))
                        .build(manager)
                        .await;
                    Self(pool.expect("a pool needs no connection to be made"))
                }

                async fn connection(
                    &self,
                ) -> Done<bb8::PooledConnection<'_, AsyncDieselConnectionManager<$connection>>>
                {
                    let connection = self.0.get().await;
                    connection.map_err(|_| Failure::Refused("no connection from the pool"))
                }

                /// Intends to commit on `Ok` and to roll back on `Err`.
                async fn transaction(&self, entry: Entry, unit: Unit, body: Body) -> Done {
                    let extras = Arc::new(Extras::default());
                    let mut connection = self.connection().await?;
                    let result = {
                        let extras = Arc::clone(&extras);
                        let connection: &mut $connection = &mut connection;
                        connection
                            .transaction(async move |connection: &mut $connection| {
                                unit.watch(connection);
                                let mut db = Plain::with(connection, Arc::clone(&extras));
                                body(&mut db, unit).await?;
                                if extras.is_rollback_only() {
                                    return Err(Failure::Refused(ROLLBACK_ONLY));
                                }
                                match entry {
                                    Entry::Forgotten | Entry::Closed => {
                                        Err(Failure::Refused("not committed"))
                                    }
                                    _ => Ok(()),
                                }
                            })
                            .await
                    };
                    extras.ended(result.is_ok());
                    result
                }

                /// Reads without a transaction.
                async fn read(&self, unit: Unit, body: Body) -> Done {
                    let mut connection = self.connection().await?;
                    unit.watch(&mut *connection);
                    body(&mut Plain::new(&mut *connection), unit).await
                }
            }

            impl Subject for Naive {
                fn unit(&self, entry: Entry, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                    match entry {
                        Entry::Read => Box::pin(self.read(unit, body)),
                        _ => Box::pin(self.transaction(entry, unit, body)),
                    }
                }

                fn ask(&self, token: i64, all: Arc<Barrier>) -> BoxFuture<'_, Done<Answer>> {
                    Box::pin(async move {
                        let mut connection = self.connection().await?;
                        let mut db = Plain::new(&mut *connection);
                        let answer = db.ask($backend, token).await;
                        all.wait().await;
                        Ok(answer?)
                    })
                }

                fn is_quiet(&self) -> bool {
                    true
                }

                fn close(&self) -> BoxFuture<'_, ()> {
                    // Dropping the last handle closes the pool.
                    Box::pin(std::future::ready(()))
                }
            }
        }
    };
}

naive!(
    postgres,
    Backend::Postgres,
    diesel_async::AsyncPgConnection,
    |url| url
);
naive!(
    mysql,
    Backend::Mysql,
    diesel_async::AsyncMysqlConnection,
    |url| url
);
naive!(sqlite, Backend::Sqlite, Lite, |url| url
    .trim_start_matches("sqlite://"));
