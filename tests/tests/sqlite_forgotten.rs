//! A forgotten future (`mem::forget`) keeps neither the connection nor its transaction.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::mem_forget)] // the subject

use std::future::Future;
use std::pin::pin;

use diesel::QueryableByName;
use diesel::result::Error;
use diesel::sql_types::Integer;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb};

/// A statement that runs long enough to be forgotten meanwhile.
const LONG: &str = "INSERT INTO items SELECT 2, 'b' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
     SELECT i + 1 FROM n WHERE i < 400000) SELECT max(i) FROM n)";

#[derive(QueryableByName)]
struct Row {
    #[allow(dead_code)] // its presence is what counts
    #[diesel(sql_type = Integer)]
    id: i32,
}

async fn insert(db: &mut Session<LiteDb>, id: i32) -> Result<(), AppError> {
    let sql = format!("INSERT INTO items VALUES ({id}, 'a')");
    Ok(db.batch_execute(&sql).await?)
}

/// Polls the future once, so that the statement is sent, and forgets it.
fn forget<'a, T: 'a>(future: impl Future<Output = T> + 'a) {
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    std::mem::forget(future);
}

async fn bed() -> LiteBed {
    LiteBed::one_connection().await
}

/// The connection is back, no lock is held, and the next call works.
async fn assert_goes_on(bed: &LiteBed, sum: i64, case: &str) {
    bed.at_rest().await;
    let found = bed
        .database
        .integer("SELECT coalesce(sum(id), 0) FROM items");
    assert_eq!(found, sum, "{case}");
    assert!(!bed.database.is_locked(), "{case}");
    let next = bed
        .factory
        .with_session(async |db: &mut Session<LiteDb>| insert(db, 100).await)
        .await;
    assert!(next.is_ok(), "{case}: {next:?}");
}

fn is_dropped(result: &Result<(), AppError>) -> bool {
    let is_reason = |error: &SessionError| {
        matches!(error, SessionError::Aborted(aborted)
            if matches!(aborted.reason(), AbortReason::StatementDropped))
    };
    match result {
        Err(AppError::Session(error)) => is_reason(error),
        Err(AppError::Query(Error::QueryBuilderError(error))) => {
            error.downcast_ref().is_some_and(is_reason)
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_statement_whose_future_is_forgotten_is_rolled_back_and_the_next_call_works() {
    for case in ["first", "later", "rows", "alone", "goes on"] {
        let bed = bed().await;
        let result = bed
            .factory
            .with_session(async |db: &mut Session<LiteDb>| {
                if case != "first" {
                    insert(db, 1).await?;
                }
                if case == "rows" {
                    forget(diesel::sql_query(format!("{LONG} RETURNING id")).load::<Row>(db));
                } else {
                    forget(diesel::sql_query(LONG).execute(db));
                }
                if case != "alone" {
                    let refused = insert(db, 3).await;
                    assert!(is_dropped(&refused), "{case}: {refused:?}");
                }
                if case == "goes on" {
                    db.rollback().await?;
                    insert(db, 4).await?;
                }
                Ok::<_, AppError>(())
            })
            .await;
        if case == "goes on" {
            assert!(result.is_ok(), "{result:?}");
        } else {
            assert!(is_dropped(&result), "{case}: {result:?}");
        }
        assert_goes_on(&bed, if case == "goes on" { 4 } else { 0 }, case).await;
    }
}

#[tokio::test]
async fn a_session_that_is_dropped_with_a_forgotten_statement_gives_its_connection_back() {
    let bed = bed().await;
    let mut db = bed.factory.create_session().await.unwrap();
    insert(&mut db, 1).await.unwrap();
    forget(diesel::sql_query(LONG).execute(&mut db));
    drop(db);
    assert_goes_on(&bed, 0, "dropped").await;
}

#[tokio::test]
async fn a_forgotten_statement_that_waits_for_the_lock_gives_up_its_place_in_the_queue() {
    let bed = LiteBed::new().await;
    let mut writer = bed.factory.create_session().await.unwrap();
    insert(&mut writer, 1).await.unwrap();
    let waiting = bed
        .factory
        .session()
        .requires_new()
        .run(async |db: &mut Session<LiteDb>| {
            forget(diesel::sql_query(LONG).execute(db));
            Ok::<_, AppError>(())
        })
        .await;
    assert!(is_dropped(&waiting), "{waiting:?}");
    writer.commit().await.unwrap();
    drop(writer);
    assert_goes_on(&bed, 1, "waiting").await;
}

#[tokio::test]
async fn a_forgotten_savepoint_is_rolled_back_with_its_transaction() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db: &mut Session<LiteDb>| {
            insert(db, 1).await?;
            let body = async |db: &mut Session<LiteDb>| -> Result<(), AppError> {
                diesel::sql_query(LONG).execute(db).await?;
                Ok(())
            };
            forget(db.savepoint(body));
            Ok::<_, AppError>(())
        })
        .await;
    assert!(is_dropped(&result), "{result:?}");
    assert_goes_on(&bed, 0, "savepoint").await;
}

#[tokio::test]
async fn a_statement_that_is_forgotten_or_dropped_in_a_savepoint_goes_with_it() {
    for forgotten in [true, false] {
        let bed = bed().await;
        let result = bed
            .factory
            .with_session(async |db: &mut Session<LiteDb>| {
                insert(db, 1).await?;
                let undone = db
                    .savepoint(async |db: &mut Session<LiteDb>| -> Result<(), AppError> {
                        if forgotten {
                            forget(diesel::sql_query(LONG).execute(db));
                        } else {
                            let mut statement = pin!(diesel::sql_query(LONG).execute(db));
                            assert!(futures_util::poll!(&mut statement).is_pending());
                        }
                        Err(AppError::Refused("undo"))
                    })
                    .await;
                assert!(matches!(undone, Err(AppError::Refused(_))), "{undone:?}");
                let rows: Vec<Row> = diesel::sql_query("SELECT id FROM items").load(db).await?;
                assert_eq!(rows.len(), 1);
                Ok::<_, AppError>(())
            })
            .await;
        assert!(result.is_ok(), "{forgotten}: {result:?}");
        assert_goes_on(&bed, 1, "inside of a savepoint").await;
    }
}

#[tokio::test]
async fn a_forgotten_commit_is_told_as_what_became_of_it() {
    for with in [false, true] {
        let bed = bed().await;
        let result = bed
            .factory
            .with_session(async |db: &mut Session<LiteDb>| {
                insert(db, 1).await?;
                if with {
                    forget(db.commit_with(diesel::sql_query(LONG)));
                } else {
                    forget(db.commit());
                }
                Ok::<_, AppError>(())
            })
            .await;
        let sum = bed
            .database
            .integer("SELECT coalesce(sum(id), 0) FROM items");
        let all = if with { 3 } else { 1 };
        match &result {
            Ok(()) => assert_eq!(sum, all),
            Err(AppError::Session(SessionError::Aborted(_))) => assert_eq!(sum, 0),
            other => panic!("{with}: {other:?}"),
        }
        assert_goes_on(&bed, sum, "commit").await;
    }
}

#[tokio::test]
async fn a_forgotten_statement_of_the_raw_connection_is_rolled_back() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db: &mut Session<LiteDb>| {
            insert(db, 1).await?;
            forget(diesel::sql_query(LONG).execute(db.connection().await?));
            insert(db, 4).await?;
            Ok::<_, AppError>(())
        })
        .await;
    assert!(result.is_err(), "{result:?}");
    assert_goes_on(&bed, 0, "raw").await;
}

#[tokio::test]
async fn a_stream_that_is_forgotten_keeps_nothing() {
    use diesel_async::RunQueryDsl as _;
    use futures_util::StreamExt as _;
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db: &mut Session<LiteDb>| {
            insert(db, 1).await?;
            insert(db, 2).await?;
            let mut rows = diesel::sql_query("SELECT id FROM items")
                .load_stream::<Row>(db)
                .await?;
            rows.next().await.unwrap()?;
            std::mem::forget(rows);
            insert(db, 4).await
        })
        .await;
    assert!(result.is_ok(), "{result:?}");
    assert_goes_on(&bed, 7, "stream").await;
}
