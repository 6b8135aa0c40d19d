//! The server's last message before it closes the connection reaches the caller, even if no request
//! was pending.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError};
use session_factory_tests::{AppError, PgBed, PgDb, items};
use testbed::eventually;

async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<usize, Error> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

async fn bed() -> PgBed {
    PgBed::one_proxied_connection().await
}

/// Waits until the server has ended all of the application's connections.
async fn are_gone(bed: &PgBed) {
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = 'app' AND pid <> pg_backend_pid()";
    let database = &bed.database;
    eventually(Duration::from_secs(10), "the session is ended", || async {
        database.integer(sessions).await == 0
    })
    .await;
}

/// How the server ends a session while its body waits, and the server's message.
const ENDS: [(&str, &str, &str); 3] = [
    (
        "SET LOCAL idle_in_transaction_session_timeout = '20ms'",
        "terminating connection due to idle-in-transaction timeout",
        "25P03",
    ),
    (
        "SET idle_in_transaction_session_timeout = '20ms'",
        "terminating connection due to idle-in-transaction timeout",
        "25P03",
    ),
    (
        "",
        "terminating connection due to administrator command",
        "57P01",
    ),
];

#[tokio::test]
async fn a_statement_behind_the_end_of_the_session_says_why_the_server_ended_it() {
    for (setting, words, state) in ENDS {
        let bed = bed().await;
        let result = bed
            .factory
            .with_session(async |db| {
                insert(db, 1).await?;
                end(&bed, db, setting).await?;
                insert(db, 2).await?;
                Ok::<_, AppError>(())
            })
            .await;
        let Err(AppError::Query(Error::DatabaseError(kind, said))) = result else {
            panic!("{result:?}")
        };
        assert!(
            matches!(kind, DatabaseErrorKind::ClosedConnection),
            "{kind:?}"
        );
        assert_eq!(said.message(), format!("{words} [SQLSTATE {state}]"));
        assert_eq!(bed.count().await, 0);
    }
}

async fn end(bed: &PgBed, db: &mut Session<PgDb>, setting: &str) -> Result<(), Error> {
    if setting.is_empty() {
        bed.database.admin().terminate_all().await;
    } else {
        db.batch_execute(setting).await?;
    }
    are_gone(bed).await;
    // The server's process leaves `pg_stat_activity` before its socket is closed. The connection then reads the
    // server's last message on this runtime.
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

#[tokio::test]
async fn a_commit_behind_the_end_of_the_session_tells_of_the_lost_connection() {
    for (setting, words, state) in ENDS {
        let bed = bed().await;
        let result = bed
            .factory
            .with_session(async |db| {
                insert(db, 1).await?;
                end(&bed, db, setting).await?;
                Ok::<_, AppError>(())
            })
            .await;
        let Err(AppError::Session(SessionError::Commit(error))) = result else {
            panic!("{result:?}")
        };
        assert_eq!(
            error.to_string(),
            format!(
                "the connection was lost before COMMIT was sent, nothing was kept: {words} [SQLSTATE {state}]"
            )
        );
        assert_eq!(error.statement().sqlstate(), Some(state));
        assert_eq!(bed.count().await, 0);
        bed.factory
            .with_session(async |db| Ok::<_, AppError>(insert(db, 3).await?))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_session_that_the_server_ended_while_its_statement_ran_says_so() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            diesel::sql_query("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)")
                .execute(db)
                .await?;
            Ok::<_, AppError>(())
        })
        .await;
    let error = result.unwrap_err().to_string();
    assert_eq!(
        error,
        "terminating connection due to administrator command [SQLSTATE 57P01]"
    );
}

#[tokio::test]
async fn copy_says_that_it_is_not_supported_and_what_to_use() {
    for text in [
        "COPY items FROM STDIN",
        "COPY items TO STDOUT",
        "COPY (SELECT 1) TO STDOUT",
    ] {
        for prepared in [false, true] {
            for swallowed in [false, true] {
                let bed = bed().await;
                let result = bed
                    .factory
                    .with_session(async |db| {
                        insert(db, 1).await?;
                        let copied = if prepared {
                            diesel::sql_query(text).execute(db).await.map(drop)
                        } else {
                            db.batch_execute(text).await
                        };
                        if swallowed {
                            Ok(())
                        } else {
                            Ok::<_, AppError>(copied?)
                        }
                    })
                    .await;
                let error = result.unwrap_err().to_string();
                let says = "COPY to or from the client is not supported on a session";
                assert!(error.contains(says), "{text} {prepared}: {error}");
                assert!(
                    error.contains("diesel::insert_into(table).values(&rows)"),
                    "{error}"
                );
                assert!(!error.contains("synchronization"), "{error}");
                // The error does not say that COMMIT failed, because it was never sent.
                assert!(!error.contains("COMMIT failed"), "{error}");
                // The next caller does not wait.
                bed.factory
                    .with_session(async |db| Ok::<_, AppError>(insert(db, 3).await?))
                    .await
                    .unwrap();
                assert_eq!(bed.count().await, 1, "{text} {prepared} {swallowed}");
            }
        }
    }
}

#[tokio::test]
async fn copy_of_a_program_or_a_file_is_the_servers_own_and_runs() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db| {
            db.batch_execute("COPY items TO '/nowhere'").await?;
            Ok::<_, AppError>(())
        })
        .await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("to COPY to a file"), "{error}");
}

#[tokio::test]
async fn a_rollback_is_sent_once_and_to_an_open_transaction() {
    let bed = bed().await;
    for round in 0..10 {
        // A cancelled statement, and its ROLLBACK.
        let slow = bed.factory.with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute("SELECT pg_sleep(60)").await?;
            Ok::<_, AppError>(())
        });
        let dropped = async {
            let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' \
                 AND datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
            let database = &bed.database;
            eventually(Duration::from_secs(10), "it sleeps", || async {
                database.integer(sleeps).await == 1
            })
            .await;
        };
        bed.proxy().reset_counts();
        tokio::select! {
            ended = slow => panic!("{ended:?}"),
            () = dropped => {}
        }
        drop(bed.factory.create_session().await.unwrap());
        let texts = bed.proxy().sql();
        let rollbacks = texts.iter().filter(|text| *text == "ROLLBACK").count();
        assert_eq!(rollbacks, 1, "{round}: {texts:?}");
        assert_eq!(
            bed.proxy().counts().answer('N'),
            0,
            "no warning of the server's"
        );
    }
}

#[tokio::test]
async fn failing_serializable_calls_in_a_crowd_bring_no_warning() {
    use session_factory::driver::isolation::Serializable;
    let bed = PgBed::proxied(|config| {
        config.pool_size = 4;
        config.max_overflow = 0;
    })
    .await;
    let calls = (0..200).map(|id| {
        let session = bed.factory.session().isolation(Serializable);
        session.run(async move |db: &mut Session<PgDb>| {
            insert(db, id).await?;
            let _all: i64 = items::table.count().get_result(db).await?;
            Err::<(), _>(AppError::Refused("on purpose"))
        })
    });
    for result in futures_util::future::join_all(calls).await {
        result.unwrap_err();
    }
    eventually(Duration::from_secs(10), "all are rolled back", || async {
        bed.factory.status().recovering == 0
    })
    .await;
    assert_eq!(bed.proxy().counts().answer('N'), 0);
    let texts = bed.proxy().sql();
    let rollbacks = texts.iter().filter(|text| *text == "ROLLBACK").count();
    assert_eq!(rollbacks, 200);
    assert_eq!(bed.count().await, 0);
}
