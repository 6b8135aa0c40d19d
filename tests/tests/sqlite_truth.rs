//! SQLite says whether a transaction is open, but not which one. The session's result is true
//! nevertheless.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Factory, PartlyCommitted, Session, SessionError};
use session_factory_tests::functions::sqlite::{insert, insert_in};
use session_factory_tests::{AppError, LiteBed, LiteDb, LiteDbConfig};

const SOON: Duration = testbed::PATIENCE;

async fn one_connection() -> LiteBed {
    LiteBed::one_connection().await
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

/// No lock is held on the file, and the next session works.
async fn assert_goes_on(bed: &LiteBed, ids: i64, case: &str) {
    bed.at_rest().await;
    let sum = || {
        bed.database
            .integer("SELECT coalesce(sum(id), 0) FROM items")
    };
    assert_eq!(sum(), ids, "{case}");
    // A connection that closes writes a checkpoint first.
    testbed::eventually(SOON, "nobody holds the file", || async {
        !bed.database.is_locked()
    })
    .await;
    bed.factory.scope(insert(100)).await.unwrap();
    assert_eq!(sum(), ids + 100, "{case}");
}

/// The error if the open transaction is no longer the session's.
const UNSEEN: &str = "SQL that the body ran ended the transaction, and whether the work was committed or rolled back is \
     unknown; look for its effect before doing it again, and call db.commit() or db.rollback() instead of raw SQL";

fn is_ended_unseen(result: &Result<(), AppError>) -> bool {
    matches!(result, Err(AppError::Session(error @ SessionError::PartlyCommitted(PartlyCommitted::EndedUnseen)))
        if error.to_string() == UNSEEN)
}

/// A session's text that is ROLLBACK alone, with no transaction open behind it, has rolled back. On the raw connection
/// nobody sees the text.
fn is_told(result: &Result<(), AppError>, raw: bool, text: &str) -> bool {
    if raw || !["ROLLBACK", "ROLLBACK TRANSACTION"].contains(&text) {
        return is_ended_unseen(result);
    }
    matches!(result, Err(AppError::Session(SessionError::Aborted(aborted)))
        if matches!(aborted.reason(), AbortReason::EndedByBody))
}

const WORK: &str = "INSERT INTO items VALUES (2, 'b')";

#[tokio::test]
async fn work_behind_the_end_of_the_transaction_is_never_an_ok_and_leaves_no_lock() {
    for raw in [false, true] {
        for (text, sum) in [
            ("COMMIT; BEGIN; {}", 1),
            ("COMMIT; BEGIN; {}; ROLLBACK", 1),
            ("COMMIT; SAVEPOINT a; {}", 1),
            ("COMMIT; SAVEPOINT a; SAVEPOINT a; {}; RELEASE a", 1),
            ("COMMIT; {}", 3),
            ("ROLLBACK; {}", 2),
            ("ROLLBACK; BEGIN; {}; COMMIT", 2),
            ("END; BEGIN IMMEDIATE; {}; END", 3),
        ] {
            let case = format!("raw: {raw}, {text}");
            let bed = one_connection().await;
            let result = run(&bed, raw, &[text.replace("{}", WORK).leak()]).await;
            assert!(is_ended_unseen(&result), "{case}: {result:?}");
            assert_goes_on(&bed, sum, &case).await;
        }
    }
}

/// SQL that ends the transaction, and may begin another one, in spellings that SQLite accepts.
const ENDS: [&str; 26] = [
    "COMMIT",
    "commit;",
    "End Transaction",
    "ROLLBACK",
    "ROLLBACK TRANSACTION",
    "ROLLBACK TRANSACTION a",
    ";;COMMIT",
    "\u{feff}COMMIT",
    "\u{feff}/* c */ -- d\n\x0cROLLBACK/**/;",
    "COMMIT; BEGIN",
    "ROLLBACK; BEGIN",
    "ROLLBACK;BEGIN DEFERRED TRANSACTION",
    "ROLLBACK; SAVEPOINT mine",
    "ROLLBACK; SAVEPOINT a; RELEASE a",
    "COMMIT; BEGIN; SELECT 1; ROLLBACK",
    "SAVEPOINT a; ROLLBACK; BEGIN; SAVEPOINT a; RELEASE a",
    "SELECT 1; ROLLBACK; BEGIN",
    "SELECT ''';'; ROLLBACK; BEGIN; SELECT ''",
    "SELECT \";\"\"\" FROM (SELECT 1 AS \";\"\"\"); ROLLBACK; BEGIN",
    "SELECT [;'] FROM (SELECT 1 AS [;']); ROLLBACK; BEGIN",
    "SELECT `;``` FROM (SELECT 1 AS `;```); ROLLBACK; BEGIN",
    "CREATE TABLE trigger (a INTEGER); ROLLBACK; BEGIN",
    "CREATE TABLE a (b); CREATE TRIGGER c AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; END; ROLLBACK; BEGIN",
    "EXPLAIN SELECT 1; ROLLBACK; BEGIN",
    "PRAGMA user_version; ROLLBACK; BEGIN",
    "/*/ */ ROLLBACK; BEGIN --",
];

#[tokio::test]
async fn an_end_of_any_spelling_is_never_an_ok_and_is_told_as_what_is_known_of_it() {
    for raw in [false, true] {
        for text in ENDS {
            let case = format!("raw: {raw}, {text:?}");
            let bed = one_connection().await;
            let result = run(&bed, raw, &[text]).await;
            assert!(is_told(&result, raw, text), "{case}: {result:?}");
            let upper = text.to_ascii_uppercase();
            let commits = upper.contains("COMMIT") || upper == "END TRANSACTION";
            assert_goes_on(&bed, i64::from(commits), &case).await;
        }
        let long = format!("/*{}*/ ROLLBACK; BEGIN", "x".repeat(2_000_000));
        let bed = one_connection().await;
        let result = run(&bed, raw, &[long.leak()]).await;
        assert!(is_ended_unseen(&result), "{result:?}");
        assert_goes_on(&bed, 0, "long").await;
    }
}

#[tokio::test]
async fn an_end_that_is_prepared_is_never_an_ok() {
    for raw in [false, true] {
        for (text, sum) in [
            ("COMMIT", 1),
            (";COMMIT", 1),
            ("/* a */ end", 1),
            ("ROLLBACK; BEGIN", 0),
        ] {
            let bed = one_connection().await;
            let body = async |db: &mut Session<LiteDb>| {
                insert_in(db, 1).await?;
                if raw {
                    let raw = db.connection().await?;
                    diesel::sql_query(text).execute(raw).await?;
                } else {
                    diesel::sql_query(text).execute(db).await?;
                }
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(is_ended_unseen(&result), "raw: {raw}, {text}: {result:?}");
            assert_goes_on(&bed, sum, text).await;
        }
    }
}

async fn run_one(db: &mut Session<LiteDb>, raw: bool, text: &str) -> Result<(), AppError> {
    if raw {
        db.connection().await?.batch_execute(text).await?;
    } else {
        db.batch_execute(text).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_end_whose_error_was_swallowed_is_never_told_as_rolled_back() {
    for raw in [false, true] {
        for (text, sum) in [
            (
                "COMMIT; INSERT INTO items VALUES (2, 'b'); SELECT * FROM nosuch",
                3,
            ),
            ("COMMIT; BEGIN; nonsense; ROLLBACK", 1),
            ("ROLLBACK; SELECT * FROM nosuch", 0),
            (
                "INSERT INTO items VALUES (2, 'b'); INSERT OR ROLLBACK INTO items VALUES (1, 'a')",
                0,
            ),
        ] {
            let bed = one_connection().await;
            let body = async |db: &mut Session<LiteDb>| {
                insert_in(db, 1).await?;
                assert!(run_one(db, raw, text).await.is_err(), "{text}");
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(is_ended_unseen(&result), "raw: {raw}, {text}: {result:?}");
            assert_goes_on(&bed, sum, text).await;
            // Later statements do not run.
            let bed = one_connection().await;
            let body = async |db: &mut Session<LiteDb>| {
                insert_in(db, 1).await?;
                assert!(run_one(db, raw, text).await.is_err(), "{text}");
                insert_in(db, 50).await
            };
            let result = bed.factory.with_session(body).await;
            let Err(AppError::Query(error)) = result else {
                panic!("raw: {raw}, {text}: {result:?}")
            };
            assert_eq!(error.to_string(), UNSEEN);
            assert_goes_on(&bed, sum, text).await;
        }
    }
}

fn rolled_back_by(why: &str) -> String {
    format!(
        "the transaction cannot be committed and is rolled back: a statement failed and its error was not returned \
         ({why}); return the error: the statement rolls the whole transaction back when it fails (OR ROLLBACK, \
         RAISE(ROLLBACK), or a full disk), and a savepoint around it goes with the transaction"
    )
}

#[tokio::test]
async fn a_statement_that_rolls_back_inside_of_a_savepoint_keeps_its_error() {
    let bed = one_connection().await;
    testbed::sqlite::Database::execute(
        &bed.database,
        "CREATE TRIGGER t BEFORE INSERT ON items WHEN new.id = 77 BEGIN SELECT RAISE(ROLLBACK, 'no more'); END; \
         CREATE TABLE others (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)",
    );
    for (text, why) in [
        (
            "INSERT OR ROLLBACK INTO items VALUES (1, 'a')",
            "UNIQUE constraint failed: items.id",
        ),
        ("INSERT INTO items VALUES (77, 'a')", "no more"),
        (
            "INSERT INTO others VALUES (1), (1)",
            "UNIQUE constraint failed: others.id",
        ),
    ] {
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            let failed = db
                .savepoint(async |db: &mut Session<LiteDb>| -> Result<(), AppError> {
                    diesel::sql_query(text).execute(db).await?;
                    Ok(())
                })
                .await;
            assert_eq!(failed.unwrap_err().to_string(), why);
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        let Err(AppError::Session(error @ SessionError::Aborted(_))) = result else {
            panic!("{text}: {result:?}")
        };
        assert_eq!(error.to_string(), rolled_back_by(why));
        assert_eq!(bed.count().await, 0, "{text}");
    }
}

#[tokio::test]
async fn one_statement_that_fails_and_rolls_back_is_told_as_rolled_back() {
    let bed = one_connection().await;
    testbed::sqlite::Database::execute(
        &bed.database,
        "CREATE TRIGGER t BEFORE INSERT ON items WHEN new.id = 77 BEGIN SELECT RAISE(ROLLBACK, 'no more'); END",
    );
    for text in [
        "INSERT OR ROLLBACK INTO items VALUES (1, 'a')",
        "INSERT INTO items VALUES (77, 'a')",
    ] {
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            assert!(db.batch_execute(text).await.is_err());
            assert!(insert_in(db, 2).await.is_err(), "{text}");
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        let Err(AppError::Session(error @ SessionError::Aborted(_))) = result else {
            panic!("{text}: {result:?}")
        };
        let why = if text.contains("77") {
            "no more"
        } else {
            "UNIQUE constraint failed: items.id"
        };
        assert_eq!(error.to_string(), rolled_back_by(why));
        assert_eq!(bed.count().await, 0, "{text}");
    }
}

#[tokio::test]
async fn an_end_inside_of_a_savepoint_is_never_an_ok() {
    for raw in [false, true] {
        for (text, sum) in [("COMMIT", 1), ("COMMIT; BEGIN", 1), ("ROLLBACK; BEGIN", 0)] {
            for fails in [false, true] {
                let case = format!("raw: {raw}, fails: {fails}, {text}");
                let inside = async |db: &mut Session<LiteDb>| {
                    insert_in(db, 1).await?;
                    run_one(db, raw, text).await?;
                    if fails {
                        return Err(AppError::Refused("no"));
                    }
                    Ok::<_, AppError>(())
                };
                let bed = one_connection().await;
                let body = async |db: &mut Session<LiteDb>| {
                    let inner = db.savepoint(async |db| inside(db).await).await;
                    assert!(!fails || is_ended_unseen(&inner), "{case}: {inner:?}");
                    let _refused = insert_in(db, 2).await;
                    Ok::<_, AppError>(())
                };
                let result = bed.factory.with_session(body).await;
                assert!(is_ended_unseen(&result), "{case}: {result:?}");
                assert_goes_on(&bed, sum, &case).await;
                // The same with diesel's `transaction`.
                let bed = one_connection().await;
                let body = async |db: &mut Session<LiteDb>| {
                    let _inner = db.transaction(async |db| inside(db).await).await;
                    Ok::<_, AppError>(())
                };
                let result = bed.factory.with_session(body).await;
                assert!(is_ended_unseen(&result), "{case}: {result:?}");
                assert_goes_on(&bed, sum, &case).await;
            }
        }
    }
}

#[tokio::test]
async fn savepoints_of_the_bodys_own_are_what_they_say() {
    for raw in [false, true] {
        let bed = one_connection().await;
        let texts = [
            "SAVEPOINT a",
            "INSERT INTO items VALUES (2, 'b')",
            "ROLLBACK TO a;",
            "savepoint B",
            "INSERT INTO items VALUES (4, 'b')",
            "Release Savepoint b",
            "ROLLBACK TRANSACTION TO SAVEPOINT a",
            "INSERT INTO items VALUES (8, 'b')",
            "RELEASE a",
            "SAVEPOINT c; INSERT INTO items VALUES (16, 'b'); ROLLBACK TO c; RELEASE c",
        ];
        if raw {
            let body = async |db: &mut Session<LiteDb>| {
                insert_in(db, 1).await?;
                let raw = db.connection().await?;
                for text in texts {
                    raw.batch_execute(text).await?;
                }
                Ok::<_, AppError>(())
            };
            bed.factory.with_session(body).await.unwrap();
        } else {
            run(&bed, false, &texts).await.unwrap();
        }
        assert_goes_on(&bed, 9, "savepoints").await;
    }
}

#[tokio::test]
async fn a_text_that_only_looks_suspicious_is_an_ok() {
    for raw in [false, true] {
        let bed = one_connection().await;
        let texts = [
            "/* COMMIT */ INSERT INTO items VALUES (2, 'COMMIT; ROLLBACK')",
            "INSERT INTO items VALUES (4, '; COMMIT;'); SELECT 1",
            "CREATE TABLE trigger (a INTEGER); CREATE TABLE \"commit\" (\"rollback\");",
            "EXPLAIN COMMIT",
            "PRAGMA user_version",
            ";",
        ];
        run(&bed, raw, &texts).await.unwrap();
        assert_goes_on(&bed, 7, "look").await;
    }
}

#[tokio::test]
async fn a_text_with_a_nul_byte_is_refused_and_ends_nothing() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        assert!(db.batch_execute("SELECT 1;\0COMMIT").await.is_err());
        assert!(db.batch_execute("COMMIT\0").await.is_err());
        let prepared = diesel::sql_query("COMMIT;\0").execute(db).await;
        assert!(prepared.is_err());
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await.unwrap();
    assert_goes_on(&bed, 1, "NUL").await;
}

#[tokio::test]
async fn a_commit_with_behind_an_end_or_of_one_is_never_an_ok() {
    for (text, sum) in [("COMMIT", 1), ("ROLLBACK", 0), ("/**/ROLLBACK", 0)] {
        for raw in [false, true] {
            let bed = one_connection().await;
            let body = async |db: &mut Session<LiteDb>| {
                insert_in(db, 1).await?;
                let last = if raw {
                    db.connection().await?.batch_execute(text).await?;
                    "SELECT 1"
                } else {
                    text
                };
                db.commit_with(diesel::sql_query(last)).await?;
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(
                is_told(&result, raw, text),
                "raw: {raw}, {text}: {result:?}"
            );
            assert_goes_on(&bed, sum, text).await;
        }
    }
}

#[tokio::test]
async fn a_raw_transaction_in_two_texts_is_not_taken_for_the_sessions() {
    let bed = one_connection().await;
    let result = run(&bed, true, &["ROLLBACK", "BEGIN"]).await;
    assert!(result.is_err());
    assert_goes_on(&bed, 0, "ROLLBACK, BEGIN").await;
    // On one loan of the raw connection, whose SQL the driver does not see.
    for (first, sum) in [("ROLLBACK", 0), ("COMMIT", 1)] {
        let bed = one_connection().await;
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            let raw = db.connection().await?;
            raw.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
            raw.batch_execute(first).await?;
            raw.batch_execute("BEGIN").await?;
            raw.batch_execute(WORK).await?;
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(is_ended_unseen(&result), "{result:?}");
        assert_goes_on(&bed, sum, first).await;
    }
}

#[tokio::test]
async fn a_text_that_was_dropped_and_ended_the_transaction_is_never_told_as_rolled_back() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        {
            // A text that has started runs to its end.
            let mut text = Box::pin(db.batch_execute("COMMIT; BEGIN"));
            let _on_its_way = futures_util::poll!(text.as_mut());
        }
        Ok::<_, AppError>(())
    };
    let result = bed.factory.with_session(body).await;
    assert!(is_ended_unseen(&result), "{result:?}");
    assert_goes_on(&bed, 1, "dropped").await;
}

#[tokio::test]
async fn a_rollback_behind_an_end_says_so_once() {
    for raw in [false, true] {
        let bed = one_connection().await;
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            run_one(db, raw, "COMMIT").await?;
            let rolled_back = db.rollback().await;
            assert!(
                matches!(rolled_back, Err(SessionError::PartlyCommitted(_))),
                "{rolled_back:?}"
            );
            // The body handles the error, and continues.
            db.rollback().await?;
            insert_in(db, 2).await
        };
        bed.factory.with_session(body).await.unwrap();
        assert_goes_on(&bed, 3, "rollback").await;
    }
}

#[tokio::test]
async fn a_text_that_is_prepared_counts_up_to_its_first_semicolon() {
    let bed = one_connection().await;
    let body = async |db: &mut Session<LiteDb>| {
        insert_in(db, 1).await?;
        // SQLite prepares the first statement only, so the second does not run.
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
        matches!(committed, Err(SessionError::PartlyCommitted(_))),
        "{committed:?}"
    );
    assert!(b.rollback().await.is_err());
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

#[tokio::test]
async fn a_conflict_behind_a_raw_commit_is_not_tried_again() {
    for raw in [false, true] {
        let bed = one_connection().await;
        let attempts = AtomicUsize::new(0);
        let body = async |db: &mut Session<LiteDb>| {
            attempts.fetch_add(1, Ordering::SeqCst);
            insert_in(db, 1).await?;
            run_one(db, raw, "COMMIT; BEGIN").await?;
            // No statement follows, so the session learns of the conflict from the body's error
            // only.
            let conflict = diesel::result::DatabaseErrorKind::SerializationFailure;
            let told = Box::new("database is locked".to_owned());
            Err::<(), _>(AppError::Query(diesel::result::Error::DatabaseError(
                conflict, told,
            )))
        };
        let result = bed.factory.session().retry(3).run(body).await;
        assert!(result.is_err(), "{result:?}");
        assert_eq!(attempts.into_inner(), 1, "raw: {raw}");
        assert_goes_on(&bed, 1, "retry").await;
    }
}

#[tokio::test]
async fn an_end_around_a_pool_of_the_applications_is_never_an_ok() {
    use diesel::sqlite::SqliteConnection;
    use diesel_async::pooled_connection::AsyncDieselConnectionManager;
    use diesel_async::pooled_connection::bb8::Pool;
    use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    for raw in [false, true] {
        for text in ENDS {
            let case = format!("raw: {raw}, {text:?}");
            let database = testbed::sqlite::Database::new();
            let sql = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
            testbed::sqlite::Database::execute(&database, sql);
            let path = database.path().display().to_string();
            let manager =
                AsyncDieselConnectionManager::<SyncConnectionWrapper<SqliteConnection>>::new(path);
            let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
            let bed = LiteBed {
                factory: Factory::from_pool(pool),
                database,
            };
            let result = run(&bed, raw, &[text]).await;
            assert!(is_told(&result, raw, text), "{case}: {result:?}");
            let upper = text.to_ascii_uppercase();
            let commits = upper.contains("COMMIT") || upper == "END TRANSACTION";
            assert_goes_on(&bed, i64::from(commits), &case).await;
        }
    }
}

#[tokio::test]
async fn the_timeout_says_that_sqlite_stops_no_statement_in_the_middle() {
    let bed = one_connection().await;
    let long = "INSERT INTO items SELECT 2, 'b' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
         SELECT i + 1 FROM n WHERE i < 400000) SELECT max(i) FROM n)";
    // The connection is open before the deadline starts.
    bed.factory.health().await.unwrap();
    let call = bed.factory.session().timeout(Duration::from_secs(1));
    let body = async |db: &mut Session<LiteDb>| -> Result<(), AppError> {
        insert_in(db, 1).await?;
        db.batch_execute(long).await?;
        std::future::pending().await
    };
    let Err(AppError::Session(error @ SessionError::Timeout(_))) = call.run(body).await else {
        panic!("no timeout")
    };
    let words = "a statement that is running goes on to its next row or its end, as SQLite stops none in the middle, \
         and then the work is rolled back";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_goes_on(&bed, 0, "timeout").await;
}
