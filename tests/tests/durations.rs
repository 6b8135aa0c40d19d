//! Any duration is a valid setting: people write `Duration::MAX` or a number of years for "never".
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Factory, SessionError, session_factory};
use session_factory_tests::{
    AppError, LiteBed, LiteDbConfig, MyBed, MyDbConfig, PgBed, PgDb, PgDbConfig, items,
};

session_factory! {
    /// No time limit ever applies.
    pub struct NeverDb(Postgres) {
        pool_timeout = "off",
        pool_recycle = "never",
        idle_timeout = env("NEVER_IDLE", default = "off"),
        connect_timeout = env("NEVER_CONNECT", default = "none"),
        statement_timeout = "never",
    }
}

const YEAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

fn long_ones() -> [Duration; 4] {
    [
        Duration::MAX,
        Duration::from_secs(u64::MAX),
        1000 * YEAR,
        Duration::from_millis(1 << 31),
    ]
}

macro_rules! suite {
    ($backend:ident, $bed:ident, $config:ident) => {
        mod $backend {
            use super::*;

            /// Two parallel sessions, one with retries and one with a deadline, and an orderly
            /// shutdown.
            async fn works(bed: &$bed, limit: Duration) {
                for id in 1..3 {
                    let insert = bed.factory.session().retry_within(3, limit, limit);
                    let insert = insert.run(async |db| {
                        diesel::insert_into(items::table)
                            .values((items::id.eq(id), items::name.eq("name")))
                            .execute(db)
                            .await?;
                        Ok::<_, AppError>(())
                    });
                    insert.await.unwrap();
                }
                let count = async || {
                    let count = bed.factory.session().timeout(limit).read_only();
                    count
                        .run(async |db| items::table.count().get_result::<i64>(db).await)
                        .await
                };
                let (one, other) = tokio::join!(count(), count());
                assert_eq!((one.unwrap(), other.unwrap()), (2, 2));
                assert!(bed.factory.shutdown(limit).await.is_clean());
            }

            async fn bed(change: impl FnOnce(&mut $config)) -> $bed {
                $bed::with(|config| {
                    config.pool_size = 2;
                    config.max_overflow = 0;
                    change(config);
                })
                .await
            }

            #[tokio::test]
            async fn every_limit_may_be_longer_than_the_clock_counts() {
                for limit in long_ones() {
                    let all = |config: &mut $config| {
                        config.pool_timeout = limit;
                        config.pool_recycle = limit;
                        config.idle_timeout = limit;
                        config.connect_timeout = limit;
                        config.statement_timeout = Some(limit);
                        config.slow_statement = Some(limit);
                        config.slow_acquire = Some(limit);
                        config.leak_threshold = Some(limit);
                    };
                    works(&bed(all).await, limit).await;
                }
            }

            #[tokio::test]
            async fn a_connection_serves_one_session_however_short_its_life_is() {
                for life in [Duration::ZERO, Duration::from_nanos(1)] {
                    let bed = bed(|config| {
                        config.pool_recycle = life;
                        config.idle_timeout = life;
                    });
                    works(&bed.await, Duration::from_secs(20)).await;
                }
            }

            #[tokio::test]
            async fn a_limit_of_zero_in_which_nothing_can_be_opened_is_refused_by_its_name() {
                let refused = async |bed: $bed| {
                    let Err(SessionError::Acquire(error)) = bed.factory.init().await else {
                        panic!("opened");
                    };
                    error.to_string()
                };
                let text = refused(bed(|config| config.connect_timeout = Duration::ZERO).await);
                let text = text.await;
                assert!(text.contains("connect_timeout is zero"), "{text}");
                assert!(text.contains("Duration::MAX for no limit"), "{text}");
                let text =
                    refused(bed(|config| config.statement_timeout = Some(Duration::ZERO)).await);
                let text = text.await;
                assert!(text.contains("statement_timeout is zero"), "{text}");
                assert!(text.contains("None for no limit"), "{text}");
            }
        }
    };
}

suite!(postgres, PgBed, PgDbConfig);
suite!(mysql, MyBed, MyDbConfig);
suite!(sqlite, LiteBed, LiteDbConfig);

#[tokio::test]
async fn off_in_the_environment_is_a_limit_without_an_end() {
    let bed = PgBed::new().await;
    for never in ["off", "never", "None", "1000years", "1000000 years"] {
        let config = PgDbConfig::from_vars(|key| match key {
            "DATABASE_URL" => Some(bed.database.url()),
            "DB_POOL_TIMEOUT"
            | "DB_POOL_RECYCLE"
            | "DB_CONNECT_TIMEOUT"
            | "DB_STATEMENT_TIMEOUT" => Some(never.to_owned()),
            _ => None,
        });
        let config = config.unwrap();
        assert!(config.pool_recycle >= 1000 * YEAR);
        let factory = Factory::<PgDb>::new(config);
        factory.health().await.unwrap();
    }
}

#[tokio::test]
async fn a_provider_of_credentials_may_take_for_ever() {
    let bed = PgBed::with(|config| config.connect_timeout = Duration::MAX).await;
    let factory = bed.factory.clone().with_credentials(async move || {
        Ok::<_, std::convert::Infallible>(String::from("not asked for"))
    });
    factory.health().await.unwrap();
}

#[tokio::test]
async fn off_in_the_macro_is_a_limit_without_an_end() {
    let bed = PgBed::new().await;
    let config =
        NeverDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| bed.database.url()));
    let config = config.unwrap();
    for limit in [
        config.pool_timeout,
        config.pool_recycle,
        config.idle_timeout,
        config.connect_timeout,
    ] {
        assert_eq!(limit, Duration::MAX);
    }
    assert_eq!(config.statement_timeout, None);
    Factory::<NeverDb>::new(config).health().await.unwrap();
}
