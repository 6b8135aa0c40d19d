//! A query's rows that are forgotten (`mem::forget`) on their way hold up no call and no connection.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::mem_forget)] // the subject

use std::future::Future;
use std::time::Duration;

use diesel::QueryableByName;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::{StreamExt, poll};
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, PgBed, PgDb};
use testbed::PATIENCE;
use tokio::time::{sleep, timeout};

/// Far more than what the client and the sockets hold.
const MANY: &str = "SELECT repeat('x', 1000) AS text FROM generate_series(1, 40000)";

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

async fn bed() -> PgBed {
    PgBed::one_connection().await
}

async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    let sql = format!("INSERT INTO items VALUES ({id}, 'x')");
    Ok(db.batch_execute(&sql).await?)
}

/// Reads one row, and forgets the others.
async fn read_one(db: &mut Session<PgDb>) -> Result<(), AppError> {
    let mut lines = diesel::sql_query(MANY).load_stream::<Line>(db).await?;
    assert_eq!(lines.next().await.unwrap()?.text.len(), 1000);
    std::mem::forget(lines);
    Ok(())
}

/// Forgets the query before its first row has come, and waits until the rows have filled all that there is between the server
/// and the client.
async fn forget_query(db: &mut Session<PgDb>) {
    let late = format!("{MANY}, pg_sleep(0.5)");
    let mut query = Box::pin(diesel::sql_query(late).load::<Line>(db));
    for _ in 0..10 {
        assert!(poll!(&mut query).is_pending());
        sleep(Duration::from_millis(20)).await;
    }
    std::mem::forget(query);
    sleep(Duration::from_secs(1)).await;
}

/// Within the recovery's limit, with room for a busy machine.
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    timeout(PATIENCE + Duration::from_secs(40), call)
        .await
        .expect("the call ends")
}

async fn assert_goes_on(bed: &PgBed, rows: i64) {
    assert_eq!(bed.count().await, rows);
    in_time(bed.factory.with_session(async |db| insert(db, 100).await))
        .await
        .unwrap();
    assert_eq!(bed.count().await, rows + 1);
    bed.run("DELETE FROM items").await;
}

#[tokio::test]
async fn a_stream_that_is_forgotten_half_read_is_as_one_that_is_dropped() {
    let bed = bed().await;
    for way in ["ok", "statement", "savepoint", "commit", "raw", "err"] {
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            read_one(db).await?;
            match way {
                "statement" => insert(db, 2).await?,
                "savepoint" => db.savepoint(async |db| insert(db, 2).await).await?,
                "commit" => {
                    db.commit().await?;
                    insert(db, 2).await?;
                }
                "raw" => {
                    let raw = db.connection().await?;
                    raw.batch_execute("INSERT INTO items VALUES (2, 'x')")
                        .await?;
                }
                "err" => return Err(AppError::Refused("no")),
                _ => {}
            }
            Ok(())
        };
        let result = in_time(bed.factory.with_session(body)).await;
        let rows = match way {
            "err" => 0,
            "ok" => 1,
            _ => 2,
        };
        assert_eq!(result.is_ok(), way != "err", "{way}: {result:?}");
        assert_goes_on(&bed, rows).await;
    }
    // A session by hand that is dropped.
    let mut db = bed.factory.create_session().await.unwrap();
    insert(&mut db, 1).await.unwrap();
    read_one(&mut db).await.unwrap();
    drop(db);
    assert_goes_on(&bed, 0).await;
    // All of that on one connection.
    let opened = "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app' \
         AND pid <> pg_backend_pid()";
    assert_eq!(bed.database.integer(opened).await, 1);
}

#[tokio::test]
async fn a_query_that_is_forgotten_while_its_rows_arrive_is_as_one_that_is_dropped() {
    let bed = bed().await;
    for forgets in [true, false] {
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            let mut query = Box::pin(diesel::sql_query(MANY).load::<Line>(db));
            for _ in 0..8 {
                assert!(poll!(&mut query).is_pending());
                sleep(Duration::from_millis(20)).await;
            }
            if forgets {
                std::mem::forget(query);
            } else {
                drop(query);
            }
            insert(db, 2).await
        };
        in_time(bed.factory.with_session(body)).await.unwrap();
        assert_goes_on(&bed, 2).await;
    }
}

#[tokio::test]
async fn a_query_of_many_rows_whose_future_is_forgotten_ends_within_the_recoverys_limit() {
    let bed = bed().await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        forget_query(db).await;
        assert!(insert(db, 2).await.is_err());
        Ok(())
    };
    let result = in_time(bed.factory.with_session(body)).await;
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}")
    };
    assert!(
        matches!(aborted.reason(), AbortReason::StatementDropped),
        "{aborted:?}"
    );
    assert_goes_on(&bed, 0).await;
}

#[tokio::test]
async fn the_statement_behind_a_forgotten_query_in_a_savepoint_fails_within_the_recoverys_limit() {
    let bed = bed().await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        let inner = db.savepoint(async |db| {
            forget_query(db).await;
            Err::<(), _>(AppError::Refused("no"))
        });
        let _undone = inner.await;
        insert(db, 2).await
    };
    let result = in_time(bed.factory.with_session(body)).await;
    let said = result.unwrap_err().to_string();
    assert!(
        said.contains("a statement whose future was forgotten") && said.contains("mem::forget"),
        "{said}"
    );
    assert_goes_on(&bed, 0).await;
}
