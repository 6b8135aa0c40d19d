//! SQLite says whether there is a transaction, and not which one: what the session says of its work is true all the same.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Factory, PartlyCommitted, Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, LiteDbConfig, items};

const SOON: Duration = Duration::from_secs(5);

#[with_session]
async fn insert(db: &mut Session<LiteDb>, id: i32) -> Result<(), AppError> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("name")))
        .execute(db)
        .await?;
    Ok(())
}

async fn one_connection() -> LiteBed {
    LiteBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
    .await
}

/// Inserts row 1 and runs the texts, on the session or on the raw connection.
async fn run(bed: &LiteBed, raw: bool, texts: &[&'static str]) -> Result<(), AppError> {
    let texts = texts.to_vec();
    let body = async move |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        for text in texts {
            if raw {
                db.connection().await?.batch_execute(text).await?;
            } else {
                db.batch_execute(text).await?;
            }
        }
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await
}

/// Nobody holds the file, and the next session gets through.
async fn assert_goes_on(bed: &LiteBed, ids: i64, case: &str) {
    testbed::eventually(SOON, "the connection is back", || async {
        let status = bed.factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
    let sum = || {
        bed.database
            .integer("SELECT coalesce(sum(id), 0) FROM items")
    };
    assert_eq!(sum(), ids, "{case}");
    assert!(!bed.database.is_locked(), "{case}");
    bed.factory.scope(insert(100)).await.unwrap();
    assert_eq!(sum(), ids + 100, "{case}");
}

fn parts(result: &Result<(), AppError>) -> Option<(bool, bool, bool)> {
    match result {
        Err(AppError::Session(SessionError::PartlyCommitted(PartlyCommitted::EndedByBody {
            before,
            committed,
            rolled_back,
            ..
        }))) => Some((*before, *committed, *rolled_back)),
        _ => None,
    }
}

fn is_ended_by_body(result: &Result<(), AppError>) -> bool {
    matches!(result, Err(AppError::Session(SessionError::Aborted(aborted)))
        if matches!(aborted.reason(), AbortReason::EndedByBody))
}

const WORK: &str = "INSERT INTO items VALUES (2, 'b')";

#[tokio::test]
async fn work_behind_the_end_of_the_transaction_is_never_an_ok_and_leaves_no_lock() {
    for raw in [false, true] {
        for (texts, sum, expected) in [
            (&["COMMIT; BEGIN; {}"][..], 1, (true, false, true)),
            (&["COMMIT; BEGIN; {}; ROLLBACK"], 1, (true, false, true)),
            (&["COMMIT; SAVEPOINT a; {}"], 1, (true, false, true)),
            (&["COMMIT; {}"], 3, (true, true, false)),
            (&["ROLLBACK; {}"], 2, (false, true, false)),
            (&["ROLLBACK; BEGIN; {}; COMMIT"], 2, (false, true, false)),
        ] {
            let case = format!("raw: {raw}, {texts:?}");
            let bed = one_connection().await;
            let texts: Vec<&'static str> = texts
                .iter()
                .map(|text| &*text.replace("{}", WORK).leak())
                .collect();
            let result = run(&bed, raw, &texts).await;
            assert_eq!(parts(&result), Some(expected), "{case}: {result:?}");
            assert_goes_on(&bed, sum, &case).await;
        }
    }
}

#[tokio::test]
async fn the_first_end_of_the_transaction_decides() {
    for raw in [false, true] {
        for (texts, kept) in [
            (&["COMMIT"][..], true),
            (&["COMMIT; BEGIN"], true),
            (&["COMMIT; BEGIN; SELECT 1; ROLLBACK"], true),
            (&["ROLLBACK"], false),
            (&["ROLLBACK; BEGIN"], false),
            (&["ROLLBACK; BEGIN; SELECT 1; COMMIT"], false),
            (&["ROLLBACK; SAVEPOINT a; RELEASE a"], false),
        ] {
            let case = format!("raw: {raw}, {texts:?}");
            let bed = one_connection().await;
            let result = run(&bed, raw, texts).await;
            if kept {
                result.unwrap();
            } else {
                assert!(is_ended_by_body(&result), "{case}: {result:?}");
            }
            assert_goes_on(&bed, i64::from(kept), &case).await;
        }
    }
}

#[tokio::test]
async fn a_raw_transaction_in_two_texts_is_not_taken_for_the_sessions() {
    let bed = one_connection().await;
    let result = run(&bed, true, &["ROLLBACK", "BEGIN"]).await;
    assert!(result.is_err());
    assert_goes_on(&bed, 0, "ROLLBACK, BEGIN").await;
    // Without the body's error: both on one borrow of the raw connection.
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        let raw = db.connection().await?;
        raw.batch_execute("ROLLBACK").await?;
        raw.batch_execute("BEGIN").await?;
        Ok::<_, AppError>(())
    };
    let result = bed.factory.with_session(body).await;
    assert!(is_ended_by_body(&result), "{result:?}");
    assert_goes_on(&bed, 0, "ROLLBACK, BEGIN").await;
}

#[tokio::test]
async fn the_end_of_a_raw_transaction_is_noticed_when_nobody_reads_its_texts() {
    for sql in ["ROLLBACK; BEGIN", "COMMIT; BEGIN"] {
        let bed = one_connection().await;
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            let raw = db.connection().await?;
            // The application reads them itself.
            raw.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
            raw.batch_execute(sql).await?;
            raw.batch_execute(WORK).await?;
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(is_ended_by_body(&result), "{sql}: {result:?}");
        assert_goes_on(&bed, i64::from(sql.starts_with("COMMIT")), sql).await;
    }
}

#[tokio::test]
async fn a_text_that_fails_half_way_counts_as_far_as_it_came() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        let failed = db.batch_execute("COMMIT; BEGIN; nonsense; ROLLBACK").await;
        assert!(failed.is_err());
        insert_in(db, 2).await
    };
    // The first COMMIT counts, what was begun behind it is over, and the second insert is another transaction.
    bed.factory.with_session(body).await.unwrap();
    assert_goes_on(&bed, 3, "nonsense").await;
}

#[tokio::test]
async fn a_text_that_is_prepared_counts_up_to_its_first_semicolon() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        // SQLite prepares the first statement, and nobody runs the second.
        diesel::sql_query("SELECT 1; COMMIT").execute(db).await?;
        let raw = db.connection().await?;
        diesel::sql_query("SELECT 1; COMMIT").execute(raw).await?;
        Err::<(), _>(AppError::Refused("no"))
    };
    assert!(bed.factory.with_session(body).await.is_err());
    assert_goes_on(&bed, 0, "SELECT 1; COMMIT").await;
}

#[tokio::test]
async fn connections_that_change_places_commit_nothing_that_is_not_theirs() {
    let (here, there) = (LiteBed::new().await, LiteBed::new().await);
    let mut a = here.factory.create_session().await.unwrap();
    let mut b = there.factory.create_session().await.unwrap();
    insert_in(&mut a, 1).await.unwrap();
    insert_in(&mut b, 2).await.unwrap();
    std::mem::swap(a.connection().await.unwrap(), b.connection().await.unwrap());
    let committed = a.commit().await;
    assert!(
        matches!(committed, Err(SessionError::Aborted(_))),
        "{committed:?}"
    );
    assert!(b.rollback().await.is_ok());
    drop((a, b));
    assert_goes_on(&here, 0, "here").await;
    assert_goes_on(&there, 0, "there").await;
}

#[tokio::test]
async fn a_savepoint_around_raw_work_is_rolled_back_and_the_transaction_goes_on() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        let undone = db
            .savepoint(async |db| {
                db.connection().await?.batch_execute(WORK).await?;
                Err::<(), _>(AppError::Refused("no"))
            })
            .await;
        assert!(undone.is_err());
        db.connection()
            .await?
            .transaction(async |raw| {
                diesel::sql_query("INSERT INTO items VALUES (4, 'd')")
                    .execute(raw)
                    .await
            })
            .await?;
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await.unwrap();
    assert_goes_on(&bed, 5, "savepoint").await;
}

#[tokio::test]
async fn what_was_committed_raw_is_not_done_again_by_retry() {
    for raw in [false, true] {
        let bed = one_connection().await;
        let attempts = AtomicUsize::new(0);
        let body = async |db: &mut Session<LiteDb>| {
            let attempt = attempts.fetch_add(1, Ordering::SeqCst);
            insert_in(db, i32::try_from(attempt).unwrap() + 1).await?;
            let mut other = bed.database.connection();
            if raw {
                db.connection().await?.batch_execute("COMMIT").await?;
            } else {
                db.batch_execute("COMMIT").await?;
            }
            // A conflict with another process.
            diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE")
                .unwrap();
            insert_in(db, 50).await
        };
        let result = bed.factory.session().retry(3).run(body).await;
        assert!(result.is_err());
        assert_eq!(attempts.into_inner(), 1, "raw: {raw}");
        assert_goes_on(&bed, 1, "retry").await;
    }
}

#[tokio::test]
async fn only_sqlites_own_locks_are_conflicts() {
    let bed = one_connection().await;
    testbed::sqlite::Database::execute(
        &bed.database,
        "CREATE TRIGGER t BEFORE INSERT ON items WHEN new.id = 77 \
         BEGIN SELECT RAISE(ABORT, 'the account is locked'); END",
    );
    let attempts = AtomicUsize::new(0);
    let body = async |db: &mut Session<LiteDb>| {
        attempts.fetch_add(1, Ordering::SeqCst);
        insert_in(db, 77).await
    };
    let result = bed.factory.session().retry(3).run(body).await;
    assert!(matches!(result, Err(AppError::Query(_))), "{result:?}");
    assert_eq!(attempts.into_inner(), 1);
}

#[test]
fn a_writer_waits_for_its_turn_on_a_runtime_without_timers() {
    let bed = testbed::block_on(LiteBed::new());
    let mut holder = testbed::block_on(bed.factory.create_session()).unwrap();
    testbed::block_on(insert_in(&mut holder, 1)).unwrap();
    let factory = bed.factory.clone();
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(factory.scope(insert(2)))
    });
    testbed::block_on(testbed::eventually(SOON, "it waits", || async {
        bed.factory.status().in_use == 2
    }));
    testbed::block_on(holder.commit()).unwrap();
    waiting.join().unwrap().unwrap();
    assert_eq!(testbed::block_on(bed.count()), 2);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_told_in_both_readings_of_the_url() {
    let config = LiteDbConfig::from_vars(|key| {
        (key == "DATABASE_URL").then(|| "sqlite:///no/such/folder/app.db".to_owned())
    });
    let factory: Factory<LiteDb> = Factory::new(config.unwrap());
    let error = factory.scope(insert(1)).await.unwrap_err().to_string();
    let expected = "the folder of the file that the URL names does not exist, neither as a relative nor as an \
                    absolute path: create it first (a relative path begins at /";
    assert!(error.contains(expected), "{error}");
}
