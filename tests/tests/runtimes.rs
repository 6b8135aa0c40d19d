//! The caller's runtime may start and end.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory_tests::{AppError, LiteBed, PgBed, items};

fn global_factory(argument: &str, url: Option<&str>) -> (String, String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_global_factory"));
    command.arg(argument).env_remove("DATABASE_URL");
    if let Some(url) = url {
        command
            .env("DATABASE_URL", url)
            .env("DB_POOL_TIMEOUT", "10s");
    }
    let output = command.output().unwrap();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.success(),
    )
}

#[tokio::test]
async fn a_global_factory_serves_one_runtime_after_another_and_two_at_once() {
    let bed = PgBed::new().await;
    let (out, err, success) = global_factory("", Some(&bed.database.url()));
    assert!(success, "{out}{err}");
    assert!(out.contains("no slot was lost"), "{out}{err}");
    assert_eq!(bed.count().await, 30, "what hung was rolled back");
}

#[tokio::test]
async fn init_connects_to_what_the_environment_names() {
    let bed = PgBed::new().await;
    let (out, err, success) = global_factory("init", Some(&bed.database.url()));
    assert!(success && out.contains("connected"), "{out}{err}");
}

#[test]
fn init_without_the_key_names_it() {
    let (out, err, _) = global_factory("init", None);
    assert!(out.contains("DATABASE_URL"), "{out}{err}");
}

#[test]
fn init_with_an_empty_key_names_it() {
    let (out, err, _) = global_factory("init", Some(""));
    assert!(
        out.contains("DATABASE_URL") && out.contains("empty"),
        "{out}{err}"
    );
}

#[test]
fn a_session_may_be_dropped_on_a_thread_without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bed = runtime.block_on(PgBed::new());
    let mut session = runtime.block_on(bed.factory.create_session()).unwrap();
    runtime
        .block_on(
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("x")))
                .execute(&mut session),
        )
        .unwrap();
    std::thread::spawn(move || drop(session)).join().unwrap();
    runtime.block_on(testbed::eventually(
        testbed::PATIENCE,
        "recovered",
        || async {
            let status = bed.factory.status();
            status.recovering == 0 && status.in_use == 0
        },
    ));
    assert_eq!(runtime.block_on(bed.count()), 0);
    // A statement that is running when its runtime ends is cancelled too.
    let factory = bed.factory.clone();
    runtime.spawn(async move {
        factory
            .with_session(async |db| {
                diesel::sql_query("SELECT pg_sleep(60)").execute(db).await?;
                Ok::<_, AppError>(())
            })
            .await
    });
    std::thread::sleep(Duration::from_millis(200));
    runtime.shutdown_background();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let admin = bed.database.admin();
    runtime.block_on(testbed::eventually(
        testbed::PATIENCE,
        "cancelled",
        || async {
            admin
                .activity()
                .await
                .iter()
                .all(|backend| !backend.is_active())
        },
    ));
}

#[test]
fn sqlite_statements_may_be_dropped_on_a_current_thread_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bed = LiteBed::new().await;
        for polls in 1..4 {
            let call = bed.factory.with_session(async |db| {
                diesel::sql_query(
                    "INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                     WHERE i < 200000) SELECT i, 'x' FROM n",
                )
                .execute(db)
                .await?;
                Err::<(), _>(AppError::Refused("no"))
            });
            let _dropped = testbed::polls::drop_at(polls, call).await;
        }
        testbed::eventually(Duration::from_secs(30), "recovered", || async {
            let status = bed.factory.status();
            status.recovering == 0 && status.in_use == 0
        })
        .await;
        assert_eq!(bed.count().await, 0);
    });
}

#[test]
fn shutdown_and_the_pause_of_a_retry_need_no_timers_of_the_callers_runtime() {
    testbed::block_on(async {
        let bed = PgBed::new().await;
        std::thread::scope(|threads| {
            let calls = threads.spawn(|| {
                // This runtime has no timers.
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let raised = bed
                        .factory
                        .session()
                        .retry(1)
                        .run(async |db| {
                            let raise = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$";
                            diesel::sql_query(raise).execute(db).await?;
                            Ok::<_, AppError>(())
                        })
                        .await;
                    assert!(raised.is_err());
                    let open = bed.factory.create_session().await.unwrap();
                    let report = bed.factory.shutdown(Duration::from_millis(50)).await;
                    drop(open);
                    report
                })
            });
            assert_eq!(calls.join().unwrap().rolled_back, 1);
        });
    });
}
