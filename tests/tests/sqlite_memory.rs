//! A shared in-memory database lives as long as its factory, and refuses no caller.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, Session, with_session};
use session_factory_tests::functions::sqlite::{insert, insert_in};
use session_factory_tests::{AppError, LiteDb, LiteDbConfig, items};

const SOON: Duration = Duration::from_secs(5);

#[with_session(read_only)]
async fn count(db: &mut Session<LiteDb>) -> Result<i64, AppError> {
    Ok(items::table.count().get_result(db).await?)
}

/// Reads and writes in one transaction.
#[with_session]
async fn insert_next(db: &mut Session<LiteDb>) -> Result<i32, AppError> {
    let last: Option<i32> = items::table
        .select(diesel::dsl::max(items::id))
        .get_result(db)
        .await?;
    let next = last.unwrap_or(0).max(0) + 1;
    insert_in(db, next).await?;
    Ok(next)
}

/// URLs of in-memory databases that no other test uses.
fn urls() -> [String; 4] {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = || format!("memory{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    [
        format!("file:{}?mode=memory&cache=shared", name()),
        format!("sqlite://{}?cache=shared&mode=memory", name()),
        format!("file:/{}?vfs=memdb", name()),
        format!("file:///{}?vfs=memdb&cache=shared", name()),
    ]
}

async fn factory(url: &str, change: impl FnOnce(&mut LiteDbConfig)) -> Factory<LiteDb> {
    let config = LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.to_owned()));
    let mut config = config.unwrap();
    change(&mut config);
    let factory: Factory<LiteDb> = Factory::new(config);
    let make = async |db: &mut Session<LiteDb>| {
        db.batch_execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        Ok::<_, AppError>(())
    };
    factory.with_session(make).await.unwrap();
    factory
}

#[tokio::test]
async fn it_outlives_the_connections_that_were_changed() {
    for url in urls() {
        let factory = factory(&url, |config| {
            config.pool_size = 1;
            config.max_overflow = 0;
        })
        .await;
        factory.scope(insert(1)).await.unwrap();
        for raw in [false, true] {
            let change = async |db: &mut Session<LiteDb>| {
                if raw {
                    db.connection().await?.batch_execute("SELECT 1").await?;
                } else {
                    db.batch_execute("PRAGMA cache_size = 77").await?;
                }
                Ok::<_, AppError>(())
            };
            factory.with_session(change).await.unwrap();
            assert_eq!(factory.scope(count()).await.unwrap(), 1, "{url}");
        }
    }
}

#[tokio::test]
async fn it_outlives_the_connections_that_grow_old() {
    for url in urls() {
        let factory = factory(&url, |config| {
            config.pool_recycle = Duration::from_millis(1);
        })
        .await;
        factory.scope(insert(1)).await.unwrap();
        testbed::eventually(SOON, "no connection is open", || async {
            factory.status().open == 0
        })
        .await;
        assert_eq!(factory.scope(count()).await.unwrap(), 1, "{url}");
    }
}

#[tokio::test]
async fn it_ends_with_its_factory() {
    for url in urls() {
        let first = factory(&url, |_| {}).await;
        first.scope(insert(1)).await.unwrap();
        first.shutdown(SOON).await;
        drop(first);
        // Creates the table again, which would fail if it still existed.
        let second = factory(&url, |_| {}).await;
        assert_eq!(second.scope(count()).await.unwrap(), 0, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_all_succeed() {
    let folder = testbed::sqlite::Database::new();
    let file = format!("file:{}?cache=shared", folder.path().display());
    for url in urls().into_iter().chain([file]) {
        let factory = factory(&url, |_| {}).await;
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let factory = factory.clone();
                tokio::spawn(async move {
                    match number % 3 {
                        0 => factory.scope(count()).await.map(drop),
                        1 => factory.scope(insert(-number)).await,
                        _ => factory.scope(insert_next()).await.map(drop),
                    }
                })
            })
            .collect();
        for task in tasks {
            let done = task.await.unwrap();
            assert!(done.is_ok(), "{url}: {done:?}");
        }
        assert_eq!(factory.scope(count()).await.unwrap(), 133, "{url}");
    }
}

#[tokio::test]
async fn a_temporary_database_has_one_connection_and_survives() {
    for url in [
        "file:?x=y",
        "file:x?mode=memory",
        "file:x?vfs=memdb",
        "sqlite::memory:",
    ] {
        let factory = factory(url, |_| {}).await;
        factory.scope(insert(1)).await.unwrap();
        let change = async |db: &mut Session<LiteDb>| {
            db.batch_execute("PRAGMA cache_size = 77").await?;
            Ok::<_, AppError>(())
        };
        factory.with_session(change).await.unwrap();
        assert_eq!(factory.scope(count()).await.unwrap(), 1, "{url}");
        assert_eq!(factory.status().limit, 1, "{url}");
    }
}
