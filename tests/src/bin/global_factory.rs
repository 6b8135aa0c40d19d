//! Uses the global factory like an application: from the environment, and from several runtimes.
//! `tests/runtimes.rs`, `tests/echo.rs` and others run it.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // it reports to its test

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, SessionFactory};
use session_factory::{Session, with_session};
use session_factory_tests::{
    AppError, LiteDb, LiteDbConfig, MyDb, PgDb, items, my_config, pg_config,
};
use tokio::runtime::{Builder, Runtime};

#[with_session]
async fn insert(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("global")))
        .execute(db)
        .await
}

#[with_session]
async fn count(db: &mut Session<PgDb>) -> QueryResult<i64> {
    items::table.count().get_result(db).await
}

#[with_session]
async fn insert_and_hang(db: &mut Session<PgDb>, id: i32) -> QueryResult<()> {
    insert_in(db, id).await?;
    std::future::pending().await
}

/// One savepoint that is released, one that is rolled back, and a diesel transaction that is rolled
/// back.
#[with_session]
async fn savepoints(db: &mut Session<PgDb>) -> QueryResult<()> {
    db.transaction(async |db| insert_in(db, 1).await).await?;
    let undone = db.transaction(async |db| {
        insert_in(db, 2).await?;
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    undone.await.unwrap_err();
    insert_in(db, 3).await?;
    Err(diesel::result::Error::NotFound)
}

/// Drops several sessions. Only the last two have uncommitted work.
async fn forget() {
    let mut committed = PgDb::create_session().await.unwrap();
    insert_in(&mut committed, 1).await.unwrap();
    committed.commit().await.unwrap();
    drop(committed);
    let mut read = PgDb::create_session().await.unwrap();
    count_in(&mut read).await.unwrap();
    // Its count of one is a row that was read, not written.
    diesel::sql_query("SELECT 1")
        .execute(&mut read)
        .await
        .unwrap();
    drop(read);
    let mut failed = PgDb::create_session().await.unwrap();
    insert_in(&mut failed, 2).await.unwrap();
    insert_in(&mut failed, 2).await.unwrap_err();
    drop(failed);
    let mut meant = PgDb::create_session().await.unwrap();
    insert_in(&mut meant, 3).await.unwrap();
    meant.close().await.unwrap();
    let mut forgotten = PgDb::create_session().await.unwrap();
    insert_in(&mut forgotten, 4).await.unwrap();
    drop(forgotten);
    let mut returning = PgDb::create_session().await.unwrap();
    let _id: i32 = diesel::insert_into(items::table)
        .values((items::id.eq(5), items::name.eq("returned")))
        .returning(items::id)
        .get_result(&mut returning)
        .await
        .unwrap();
    drop(returning);
}

/// Texts that could forge a line of the echo: in SQL, in a bind, and in the server's errors.
async fn forge(db: &mut Session<PgDb>) -> QueryResult<()> {
    let forged = "x\n[PgDb forged] COMMIT -- committed, 0.1 ms\r\u{1b}[2K\u{2028}\u{202e}";
    insert_named_in(db, 1, forged).await?;
    diesel::sql_query(format!("SELECT '{forged}'\n FROM items"))
        .execute(db)
        .await?;
    let raw = db.connection().await.map_err(diesel::result::Error::from)?;
    raw.batch_execute(&format!("SELECT '{forged}'")).await?;
    diesel::sql_query(format!("SELECT '{forged}'::integer"))
        .execute(db)
        .await
        .map(drop)
}

#[with_session]
async fn insert_named(db: &mut Session<PgDb>, id: i32, name: &str) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq(name)))
        .execute(db)
        .await
}

/// What a body does after its raw COMMIT.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Fails,
    Succeeds,
    Panics,
    IsDropped,
}

/// Calls whose body commits with raw SQL, on the session or on the raw connection, and one that
/// does not.
async fn raw_commits<F>(factory: Factory<F>)
where
    F: SessionFactory,
    Session<F>: SimpleAsyncConnection,
{
    let call = async |sql: &'static str, raw: bool, then: Then| {
        let factory = factory.clone();
        let call = async move |db: &mut Session<F>| {
            db.batch_execute("UPDATE items SET name = name").await?;
            if raw {
                db.connection().await?.batch_execute(sql).await?;
            } else {
                db.batch_execute(sql).await?;
            }
            match then {
                Then::Succeeds => Ok(()),
                Then::Fails => Err(AppError::Refused("the body's own")),
                Then::Panics => std::panic::resume_unwind(Box::new("on purpose")),
                Then::IsDropped => std::future::pending().await,
            }
        };
        let called = tokio::spawn(async move {
            tokio::time::timeout(Duration::from_secs(1), factory.with_session(call)).await
        });
        let told = match called.await {
            Ok(Ok(Err(AppError::Refused(error)))) => error.to_owned(),
            Ok(Ok(result)) => if result.is_ok() { "ok" } else { "told" }.to_owned(),
            Ok(Err(_dropped)) => "dropped".to_owned(),
            Err(_panic) => "panicked".to_owned(),
        };
        println!("{raw} {then:?}: {told}");
    };
    for raw in [false, true] {
        for then in [Then::Fails, Then::Succeeds, Then::Panics, Then::IsDropped] {
            call("COMMIT", raw, then).await;
        }
        call("SELECT 1", raw, Then::Fails).await;
    }
    factory.shutdown(Duration::from_secs(5)).await;
}

async fn raw_commits_on(url: &str) {
    if url.starts_with("postgres") {
        raw_commits(Factory::<PgDb>::new(pg_config(url, |_| {}))).await;
    } else if url.starts_with("mysql") {
        raw_commits(Factory::<MyDb>::new(my_config(url, |_| {}))).await;
    } else {
        let config = LiteDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.to_owned()));
        raw_commits(Factory::<LiteDb>::new(config.unwrap())).await;
    }
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().enable_all().build().unwrap()
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("one-call") => {
            println!("{:?}", current_thread().block_on(insert(1)));
            // Waits for the rollbacks, which a call does not wait for.
            current_thread().block_on(PgDb::shutdown(Duration::from_secs(5)));
        }
        Some("savepoints") => {
            current_thread().block_on(async {
                let refused = savepoints().await;
                println!("{refused:?}");
                PgDb::shutdown(Duration::from_secs(5)).await;
            });
        }
        Some("forget") => {
            current_thread().block_on(forget());
            current_thread().block_on(PgDb::shutdown(Duration::from_secs(5)));
        }
        Some("forge") => {
            let run = PgDb::with_session(async |db| forge(db).await);
            println!("{:?}", current_thread().block_on(run));
            current_thread().block_on(PgDb::shutdown(Duration::from_secs(5)));
        }
        Some("refused") => {
            let run = PgDb::with_session(async |db| {
                db.batch_execute("INSERT INTO children VALUES (7)").await
            });
            println!("{:?}", current_thread().block_on(run));
            current_thread().block_on(PgDb::shutdown(Duration::from_secs(5)));
        }
        Some("raw-commits") => {
            let url = std::env::var("DATABASE_URL").unwrap();
            current_thread().block_on(raw_commits_on(&url));
        }
        Some("init") => match current_thread().block_on(PgDb::init()) {
            Ok(()) => println!("connected"),
            Err(error) => println!("{error}"),
        },
        _ => every_runtime(),
    }
    println!("done");
}

fn every_runtime() {
    // One runtime after another, as `#[tokio::test]` creates them.
    for id in 0..10 {
        let runtime = if id % 2 == 0 {
            current_thread()
        } else {
            multi_thread()
        };
        runtime.block_on(insert(id)).unwrap();
    }
    // Two runtimes at once.
    let others: Vec<_> = [20, 30]
        .map(|first| {
            std::thread::spawn(move || {
                let runtime = multi_thread();
                for id in first..first + 10 {
                    runtime.block_on(insert(id)).unwrap();
                }
            })
        })
        .into();
    for other in others {
        other.join().unwrap();
    }
    // A runtime that shuts down during calls, at each stage of opening and running.
    for round in 0..20 {
        let runtime = multi_thread();
        for call in 0..15 {
            runtime.spawn(insert_and_hang(1000 + round * 100 + call));
        }
        std::thread::sleep(Duration::from_millis(u64::try_from(round).unwrap()));
        runtime.shutdown_background();
    }
    // A session that is dropped on a thread without a runtime.
    let runtime = current_thread();
    let mut session = runtime.block_on(PgDb::create_session()).unwrap();
    runtime.block_on(insert_in(&mut session, 5000)).unwrap();
    drop(runtime);
    drop(session);
    // A call without tokio.
    assert_eq!(testbed::block_on(count()).unwrap(), 30);
    let rows = futures_util::FutureExt::now_or_never(PgDb::factory());
    assert!(rows.is_some());
    let runtime = current_thread();
    let deadline = std::time::Instant::now() + testbed::PATIENCE;
    while PgDb::status().recovering > 0 || PgDb::status().in_use > 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", PgDb::status());
        std::thread::sleep(Duration::from_millis(10));
    }
    // No permit was lost: all of the pool's connections can be borrowed.
    runtime.block_on(async {
        let mut all = Vec::new();
        for _ in 0..PgDb::status().limit {
            all.push(PgDb::create_session().await.unwrap());
        }
    });
    assert!(
        runtime
            .block_on(PgDb::shutdown(Duration::from_secs(5)))
            .is_clean()
    );
    println!("no slot was lost");
}
