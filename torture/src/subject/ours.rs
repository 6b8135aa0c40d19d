//! The library, through each of its entries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, with_session};
use tokio::sync::Barrier;

use super::{
    Answer, Body, Done, Entry, Failure, LIMIT, Lite, LiteDb, MyDb, PgDb, Plain, Queries as _,
    Subject,
};
use crate::backend::Backend;
use crate::case::{Case, Unit};

/// How long a silent server occupies a permit of the pool.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Far longer than a call takes, and shorter than the auditor waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The case for which connections are opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served(Arc<Mutex<Option<Case>>>);

impl Served {
    fn set(&self, case: Option<&Case>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = case.cloned();
    }

    /// The credential provider, which counts as a callback.
    fn credentials(&self) -> String {
        let case = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(case) = case {
            case.callback();
        }
        String::from("no secret")
    }
}

macro_rules! ours {
    (
        $module:ident, $backend:expr, $factory:ident, $config:ident, $connection:ty, $address:expr,
        $with_credentials:expr
    ) => {
        pub(crate) mod $module {
            use super::*;
            use crate::subject::$config;

            /// A tested factory.
            pub(crate) struct Ours(pub(crate) Factory<$factory>, Served);

            impl Ours {
                pub(crate) fn new(url: &str) -> Self {
                    let url = |key: &str| (key == "DATABASE_URL").then(|| url.to_owned());
                    let mut config = $config::from_vars(url).expect("the testbed's URL is valid");
                    config.pool_size = LIMIT;
                    config.max_overflow = 0;
                    config.connect_timeout = CONNECT_TIMEOUT;
                    let served = Served::default();
                    let with_credentials: fn(Factory<$factory>, Served) -> Factory<$factory> =
                        $with_credentials;
                    Self(
                        with_credentials(Factory::new(config), served.clone()),
                        served,
                    )
                }

                /// A factory on an external pool.
                pub(crate) async fn from_pool(url: &str) -> Self {
                    let address: fn(&str) -> &str = $address;
                    let manager = AsyncDieselConnectionManager::<$connection>::new(address(url));
                    let pool = bb8::Pool::builder().max_size(LIMIT).build(manager).await;
                    let factory = Factory::from_pool(pool.expect("no connection is made yet"));
                    Self(factory, Served::default())
                }
            }

            async fn run(db: &mut Session<$factory>, unit: Unit, body: Body) -> Done {
                unit.watch(db);
                body(db, unit).await
            }

            #[with_session]
            async fn annotated(db: &mut Session<$factory>, unit: Unit, body: Body) -> Done {
                run(db, unit, body).await
            }

            #[with_session]
            async fn joining(db: &mut Session<$factory>, unit: Unit, body: Body) -> Done {
                annotated_in(db, unit, body).await
            }

            #[with_session($factory)]
            async fn on_connection(connection: &mut $connection, unit: Unit, body: Body) -> Done {
                unit.watch(connection);
                body(&mut Plain::new(connection), unit).await
            }

            impl Ours {
                async fn manual(&self, entry: Entry, unit: Unit, body: Body) -> Done {
                    let mut db = self.0.create_session().await?;
                    run(&mut db, unit, body).await?;
                    match entry {
                        Entry::Manual => return Ok(db.commit().await?),
                        Entry::Closed => db.close().await?,
                        _ => {
                            // Without this, the library would rightly report each dropped session.
                            db.set_rollback_only();
                            drop(db);
                        }
                    }
                    Err(Failure::Refused("not committed"))
                }
            }

            impl Subject for Ours {
                fn unit(&self, entry: Entry, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                    let factory = &self.0;
                    match entry {
                        Entry::Annotated | Entry::Read => {
                            Box::pin(factory.scope(annotated(unit, body)))
                        }
                        Entry::Joined => Box::pin(factory.scope(joining(unit, body))),
                        Entry::Connection => Box::pin(factory.scope(on_connection(unit, body))),
                        Entry::Closure => Box::pin(
                            factory.with_session(async move |db| run(db, unit, body).await),
                        ),
                        Entry::Manual | Entry::Forgotten | Entry::Closed => {
                            Box::pin(self.manual(entry, unit, body))
                        }
                        Entry::Retried => Box::pin(async move {
                            let (base, cap) = (Duration::from_millis(1), Duration::from_millis(4));
                            let retrying = factory.session().retry_within(3, base, cap);
                            retrying
                                .run(async |db| run(db, unit.clone(), body).await)
                                .await
                        }),
                        Entry::Timed => Box::pin(
                            factory
                                .session()
                                .timeout(TIMEOUT)
                                .run(async move |db| run(db, unit, body).await),
                        ),
                        // Only its own deadline ends a detached call.
                        Entry::Detached => Box::pin(
                            factory
                                .session()
                                .timeout(TIMEOUT)
                                .run_detached(async move |db| run(db, unit, body).await),
                        ),
                    }
                }

                fn serves(&self, case: Option<&Case>) {
                    self.1.set(case);
                }

                fn ask(&self, token: i64, all: Arc<Barrier>) -> BoxFuture<'_, Done<Answer>> {
                    let ask = async move |db: &mut Session<$factory>| {
                        let answer = db.ask($backend, token).await;
                        all.wait().await;
                        Ok(answer?)
                    };
                    match $backend {
                        Backend::Postgres | Backend::Pgbouncer | Backend::Mysql => {
                            Box::pin(self.0.with_session(ask))
                        }
                        // SQLite allows one writer at a time, so this session is read-only.
                        Backend::Sqlite => Box::pin(self.0.session().read_only().run(ask)),
                    }
                }

                fn is_quiet(&self) -> bool {
                    let status = self.0.status();
                    status.in_use == 0 && status.recovering == 0 && status.waiting == 0
                }

                fn close(&self) -> BoxFuture<'_, ()> {
                    Box::pin(async move {
                        self.0.shutdown(Duration::from_secs(1)).await;
                    })
                }
            }
        }
    };
}

ours!(
    postgres,
    Backend::Postgres,
    PgDb,
    PgDbConfig,
    diesel_async::AsyncPgConnection,
    |url| url,
    // The server accepts every client.
    |factory: Factory<PgDb>, served| factory.with_credentials(async move || Ok::<
        _,
        std::convert::Infallible,
    >(
        served.credentials()
    ))
);
ours!(
    mysql,
    Backend::Mysql,
    MyDb,
    MyDbConfig,
    diesel_async::AsyncMysqlConnection,
    |url| url,
    |factory, _| factory
);
ours!(
    sqlite,
    Backend::Sqlite,
    LiteDb,
    LiteDbConfig,
    Lite,
    |url| url.trim_start_matches("sqlite://"),
    |factory, _| factory
);
