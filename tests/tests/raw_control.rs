//! Raw SQL that ends a transaction, if the text alone does not show it: the result follows the
//! server's state.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, CommittedPart, PartlyCommitted, Session, SessionError};
use session_factory_tests::functions::postgres::insert_in as insert;
use session_factory_tests::{AppError, PgBed, PgDb, items};
use testbed::proxy::{Cut, Direction};

/// True if raw SQL committed the work, so that it could not be rolled back.
fn is_kept<T>(result: &Result<T, AppError>) -> bool {
    let error = match result {
        Err(AppError::Session(error)) => error,
        // `db.transaction` returns diesel's error type.
        Err(AppError::Query(diesel::result::Error::QueryBuilderError(error))) => {
            return error.to_string().contains("before it was committed");
        }
        _ => return false,
    };
    matches!(
        error,
        SessionError::PartlyCommitted(PartlyCommitted::EndedByBody(
            CommittedPart::Before
                | CommittedPart::BeforeAndBehind
                | CommittedPart::BeforeAndSomeBehind
        ))
    )
}

fn is_ended_by_body(result: Result<(), AppError>) -> bool {
    let error = match result {
        Err(AppError::Session(error)) => error,
        // A statement's error contains the session's.
        Err(AppError::Query(error)) => error.into(),
        _ => return false,
    };
    let SessionError::Aborted(aborted) = error else {
        return false;
    };
    matches!(aborted.reason(), AbortReason::EndedByBody)
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Batch,
    Query,
    Raw,
}

async fn run(db: &mut Session<PgDb>, way: Way, text: &str) -> Result<(), AppError> {
    match way {
        Way::Batch => db.batch_execute(text).await?,
        Way::Query => drop(diesel::sql_query(text).load::<Nothing>(db).await?),
        Way::Raw => db.connection().await?.batch_execute(text).await?,
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Nothing {}

/// The first reason is reported, whatever the body ignored afterwards.
#[tokio::test]
async fn an_end_by_the_body_stays_the_reason_behind_an_ignored_statement() {
    for text in ["ROLLBACK AND CHAIN", "ROLLBACK; BEGIN", "ROLLBACK"] {
        for way in [Way::Batch, Way::Query, Way::Raw] {
            if matches!(way, Way::Query) && text.contains(';') {
                continue;
            }
            for ignored in [0, 1, 2] {
                let bed = PgBed::new().await;
                let result = bed.factory.with_session(async |db: &mut Session<PgDb>| {
                    insert(db, 1).await?;
                    run(db, way, text).await?;
                    for _ in 0..ignored {
                        let _hidden = diesel::sql_query("SELECT 1").execute(db).await;
                    }
                    Ok::<_, AppError>(())
                });
                let result = result.await;
                let case = format!("{text} {way:?} {ignored} {result:?}");
                let words = match &result {
                    Err(AppError::Session(error)) => error.to_string(),
                    Err(other) => other.to_string(),
                    Ok(()) => String::new(),
                };
                assert!(
                    words.contains(
                        "the body ended its transaction with raw SQL (COMMIT or ROLLBACK): a COMMIT has kept what was \
                         before it, and all else is rolled back; use db.commit() or db.rollback() in place of raw SQL"
                    ),
                    "{case}: {words}"
                );
                assert!(is_ended_by_body(result), "{case}");
                assert_eq!(bed.count().await, 0, "{case}");
            }
        }
    }
}

/// The error is the client's own: the connection stays usable, and the message says so.
#[tokio::test]
async fn a_statement_that_the_client_could_not_encode_is_no_lost_connection() {
    for many_binds in [false, true] {
        let bed = PgBed::new().await;
        let result = bed.factory.with_session(async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            let _hidden = if many_binds {
                let rows: Vec<_> = (2..70_000)
                    .map(|id| (items::id.eq(id), items::name.eq("name")))
                    .collect();
                let insert = diesel::insert_into(items::table).values(&rows);
                insert.execute(db).await.map(drop)
            } else {
                db.batch_execute("SELECT 'a\0b'").await
            };
            Ok::<_, AppError>(())
        });
        let Err(AppError::Session(SessionError::Aborted(aborted))) = result.await else {
            panic!("{many_binds}")
        };
        let words = aborted.to_string();
        assert!(
            words.contains("the client could not encode a statement, did not send it"),
            "{words}"
        );
        let cause = "a text with a NUL byte, more than 65535 binds";
        assert!(words.contains(cause), "{words}");
        assert!(!words.contains("lost connection"), "{words}");
        assert!(!words.contains("another connection"), "{words}");
        assert_eq!(bed.count().await, 0);
    }
}

#[tokio::test]
async fn no_literal_comment_or_mode_hides_a_chained_rollback() {
    for text in [
        "SELECT E'a'\n'\\''; ROLLBACK AND CHAIN; SELECT ''",
        "SET standard_conforming_strings = off; SELECT 1; \
         SELECT '\\''; ROLLBACK AND CHAIN; SELECT ''",
        "SELECT U&'\\0041'\n''; ROLLBACK AND CHAIN; SELECT ''",
        "SELECT $a$ $$ $a$; ROLLBACK AND CHAIN; SELECT $$ $$",
        "SELECT 1 /* /* */ ' */; ROLLBACK AND CHAIN; SELECT 1 -- '",
        "CREATE FUNCTION pg_temp.f() RETURNS int BEGIN ATOMIC SELECT 1; END; ROLLBACK AND CHAIN",
        "SAVEPOINT a; ROLLBACK TO a; ABORT WORK AND CHAIN",
        "ROLLBACK; BEGIN; SAVEPOINT a; ROLLBACK TO SAVEPOINT a",
    ] {
        for way in [Way::Batch, Way::Raw] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                insert(db, 1).await?;
                run(db, way, "SET standard_conforming_strings = on").await?;
                // With the setting off, the server too reads the message's first text as one
                // literal.
                for text in text.split("SELECT 1; ") {
                    run(db, way, text).await?;
                }
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(result.is_err(), "{way:?} {text}: {result:?}");
            assert_eq!(bed.count().await, 0, "{way:?} {text}");
        }
    }
}

#[tokio::test]
async fn a_chained_rollback_is_noticed_before_the_next_statement_runs() {
    for way in [Way::Batch, Way::Query, Way::Raw] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            run(db, way, "ROLLBACK /**/ AND CHAIN").await?;
            insert(db, 2).await
        };
        let result = bed.factory.with_session(body).await;
        let said = format!("{way:?}: {result:?}");
        assert!(is_ended_by_body(result), "{said}");
        assert_eq!(bed.count().await, 0);
    }
}

#[tokio::test]
async fn a_rollback_whose_answer_was_not_read_is_no_ok() {
    for (text, rows) in [("ROLLBACK AND CHAIN", 0), ("ROLLBACK", 0)] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            drop(diesel::sql_query(text).load_stream::<Nothing>(db).await?);
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(result.is_err(), "{text}: {result:?}");
        assert_eq!(bed.count().await, rows, "{text}");
    }
}

#[tokio::test]
async fn savepoints_of_raw_sql_cost_nothing_and_lose_nothing() {
    let texts: [&[&str]; 7] = [
        &["SAVEPOINT a", "SELECT 1", "ROLLBACK TO a", "RELEASE a"],
        &["SAVEPOINT \"a b\"", "ROLLBACK WORK TO SAVEPOINT \"a b\""],
        &["SAVEPOINT a; SELECT 'rollback'; ROLLBACK TO/**/a; SELECT 1"],
        &[
            "SAVEPOINT a; SAVEPOINT b",
            "ROLLBACK TO /* b */ b",
            "ROLLBACK TO a -- b",
        ],
        &["SELECT 'abort; rollback and chain'"],
        &["SAVEPOINT a", "rollback to a; select 1; rollback to a"],
        &[
            "CREATE TEMP TABLE \"rollback\" (a int); SAVEPOINT a; DROP TABLE \"rollback\"; ROLLBACK TO a; DROP TABLE \"rollback\"",
        ],
    ];
    for texts in texts {
        for way in [Way::Batch, Way::Raw] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                insert(db, 1).await?;
                for text in texts {
                    run(db, way, text).await?;
                }
                let undone = db
                    .savepoint(async |db| {
                        insert(db, 2).await?;
                        for text in texts {
                            run(db, way, text).await?;
                        }
                        Err::<(), _>(AppError::Refused("no"))
                    })
                    .await;
                assert!(matches!(undone, Err(AppError::Refused(_))), "{undone:?}");
                for text in texts {
                    run(db, way, text).await?;
                }
                insert(db, 3).await
            };
            let result = bed.factory.with_session(body).await;
            assert!(result.is_ok(), "{way:?} {texts:?}: {result:?}");
            assert_eq!(bed.count().await, 2, "{way:?} {texts:?}");
        }
    }
}

#[tokio::test]
async fn a_transaction_can_still_be_made_serializable_behind_a_mark() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        db.batch_execute("SAVEPOINT \"a\"; RELEASE \"a\"").await?;
        db.connection()
            .await?
            .batch_execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            .await?;
        insert(db, 1).await
    };
    bed.factory.with_session(body).await.unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn what_is_prepared_for_two_phases_is_told_as_unknown() {
    let server = testbed::postgres::Server::builder()
        .config("max_prepared_transactions", "5")
        .start()
        .await;
    for (way, text) in [
        (Way::Batch, "PREPARE TRANSACTION 'a'"),
        (Way::Query, "PREPARE TRANSACTION 'b'"),
        (Way::Raw, "PREPARE/**/TRANSACTION 'c'"),
    ] {
        let database = server.database().await;
        let url = database.url();
        let bed = PgBed::make(database, &url, None, |_| {}).await;
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            run(db, way, text).await
        };
        let result = bed.factory.with_session(body).await;
        let Err(AppError::Session(SessionError::PartlyCommitted(PartlyCommitted::EndedUnseen))) =
            &result
        else {
            panic!("{way:?}: {result:?}")
        };
        let words = "SQL that the body ran ended the transaction, and whether the work was committed or rolled back \
                     is unknown; look for its effect before doing it again, and call db.commit() or db.rollback() \
                     instead of raw SQL";
        assert_eq!(result.unwrap_err().to_string(), words);
        let prepared = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()";
        assert_eq!(bed.database.integer(prepared).await, 1);
    }
}

#[tokio::test]
async fn a_savepoint_that_raw_sql_committed_is_never_told_as_rolled_back() {
    for way in [Way::Batch, Way::Query, Way::Raw] {
        for text in ["COMMIT", "END", "COMMIT AND CHAIN", "COMMIT; BEGIN"] {
            if matches!(way, Way::Query) && text.contains(';') {
                continue;
            }
            for goes_on_inside in [false, true] {
                for nested in [false, true] {
                    let bed = PgBed::new().await;
                    let body = async |db: &mut Session<PgDb>| {
                        let inner = async |db: &mut Session<PgDb>| {
                            insert(db, 1).await?;
                            run(db, way, text).await?;
                            if goes_on_inside {
                                insert(db, 2).await?;
                            }
                            Err::<(), _>(AppError::Refused("no"))
                        };
                        let undone = if nested {
                            db.savepoint(async |db| db.savepoint(inner).await).await
                        } else {
                            db.savepoint(inner).await
                        };
                        assert!(is_kept(&undone), "{way:?} {text}: {undone:?}");
                        insert(db, 3).await
                    };
                    let result = bed.factory.with_session(body).await;
                    assert!(is_kept(&result), "{way:?} {text}: {result:?}");
                    assert_eq!(bed.count().await, 1, "{way:?} {text} {goes_on_inside}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_transaction_inside_of_a_session_that_raw_sql_committed_is_an_error() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        let undone = db
            .transaction(async |db| {
                insert(db, 1).await?;
                db.batch_execute("COMMIT").await?;
                Err::<(), _>(AppError::Refused("no"))
            })
            .await;
        let Err(AppError::Query(error)) = &undone else {
            panic!("{undone:?}")
        };
        assert!(error.to_string().contains("was committed"), "{error}");
        insert(db, 2).await
    };
    let result = bed.factory.with_session(body).await;
    assert!(is_kept(&result), "{result:?}");
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_savepoint_behind_a_raw_commit_is_rolled_back_like_any_other() {
    for way in [Way::Batch, Way::Raw] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            run(db, way, "COMMIT").await?;
            let undone = db
                .savepoint(async |db| {
                    insert(db, 2).await?;
                    Err::<(), _>(AppError::Refused("no"))
                })
                .await;
            assert!(matches!(undone, Err(AppError::Refused(_))), "{undone:?}");
            insert(db, 3).await
        };
        bed.factory.with_session(body).await.unwrap();
        let sum = bed.database.integer("SELECT sum(id)::bigint FROM items");
        assert_eq!(sum.await, 4, "{way:?}");
    }
}

#[tokio::test]
async fn a_savepoint_whose_transaction_raw_sql_rolled_back_is_no_ok() {
    for text in ["ROLLBACK", "ROLLBACK AND CHAIN", "ROLLBACK; BEGIN"] {
        for keeps in [false, true] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                insert(db, 1).await?;
                let inner = db
                    .savepoint(async |db| {
                        insert(db, 2).await?;
                        db.batch_execute(text).await?;
                        if keeps {
                            Ok(())
                        } else {
                            Err(AppError::Refused("no"))
                        }
                    })
                    .await;
                assert!(inner.is_err(), "{text}");
                let _refused = insert(db, 3).await;
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            let said = format!("{text} {keeps}: {result:?}");
            assert!(is_ended_by_body(result), "{said}");
            assert_eq!(bed.count().await, 0, "{text} {keeps}");
        }
    }
}

#[tokio::test]
async fn a_savepoint_that_is_kept_behind_a_raw_commit_is_an_ok() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        db.savepoint(async |db| {
            insert(db, 2).await?;
            db.batch_execute("COMMIT").await?;
            insert(db, 3).await
        })
        .await?;
        insert(db, 4).await
    };
    bed.factory.with_session(body).await.unwrap();
    assert_eq!(bed.count().await, 4);
}

#[tokio::test]
async fn a_dropped_savepoint_that_raw_sql_committed_is_never_an_ok() {
    for goes_on in [false, true] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            let committed = tokio::sync::Notify::new();
            let savepoint = db.savepoint(async |db| {
                insert(db, 1).await?;
                db.batch_execute("COMMIT").await?;
                if goes_on {
                    insert(db, 2).await?;
                }
                committed.notify_one();
                std::future::pending::<()>().await;
                Ok::<_, AppError>(())
            });
            tokio::select! {
                result = savepoint => panic!("{goes_on}: {result:?}"),
                () = committed.notified() => {}
            }
            let _refused = insert(db, 3).await;
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(is_kept(&result), "{goes_on}: {result:?}");
        assert_eq!(bed.count().await, 1, "{goes_on}");
    }
}

#[tokio::test]
async fn nothing_runs_behind_a_raw_commit_that_was_dropped_on_its_way_in_a_savepoint() {
    for way in [Way::Batch, Way::Raw] {
        let bed = PgBed::proxied(|_| {}).await;
        let body = async |db: &mut Session<PgDb>| {
            let savepoint = db.savepoint(async |db| {
                insert(db, 1).await?;
                if matches!(way, Way::Raw) {
                    // The loan begins before the proxy holds the server's messages.
                    let raw = db.connection().await?;
                    bed.proxy().hold(Direction::ToClient);
                    raw.batch_execute("COMMIT").await?;
                } else {
                    bed.proxy().hold(Direction::ToClient);
                    db.batch_execute("COMMIT").await?;
                }
                Ok::<_, AppError>(())
            });
            let committed =
                testbed::eventually(testbed::PATIENCE, "the server has committed", || async {
                    bed.count().await == 1
                });
            tokio::select! {
                result = savepoint => panic!("{way:?}: {result:?}"),
                () = committed => {}
            }
            bed.proxy().release(Direction::ToClient);
            assert!(insert(db, 3).await.is_err(), "{way:?}");
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(is_kept(&result), "{way:?}: {result:?}");
        assert_eq!(bed.count().await, 1, "{way:?}: {result:?}");
    }
}

#[tokio::test]
async fn what_raw_sql_committed_in_a_savepoint_is_not_done_again_by_retry() {
    let bed = PgBed::new().await;
    let attempts = AtomicU32::new(0);
    let body = async |db: &mut Session<PgDb>| {
        attempts.fetch_add(1, Ordering::SeqCst);
        diesel::sql_query("INSERT INTO items SELECT count(*) + 1, 'a' FROM items")
            .execute(db)
            .await?;
        let undone = db
            .savepoint(async |db| {
                db.batch_execute("COMMIT").await?;
                db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
                    .await?;
                Ok::<_, AppError>(())
            })
            .await;
        assert!(undone.is_err());
        undone
    };
    let result = bed.factory.session().retry(3).run(body).await;
    assert!(result.is_err());
    assert_eq!(bed.count().await, 1);
    assert_eq!(attempts.into_inner(), 1);
}

#[tokio::test]
async fn a_transaction_that_may_only_be_rolled_back_and_was_committed_by_raw_sql_is_told_so() {
    for before in [false, true] {
        for goes_on in [false, true] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                insert(db, 1).await?;
                if before {
                    db.set_rollback_only();
                }
                db.batch_execute("COMMIT").await?;
                if !before {
                    db.set_rollback_only();
                }
                if goes_on {
                    let _refused = insert(db, 2).await;
                }
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(is_kept(&result), "{before} {goes_on}: {result:?}");
            assert_eq!(bed.count().await, 1);
        }
    }
    let bed = PgBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.begin_test_transaction().await.unwrap();
    insert(&mut db, 1).await.unwrap();
    db.batch_execute("COMMIT").await.unwrap();
    let ended = db.commit().await.map_err(AppError::from);
    assert!(is_kept(&ended), "{ended:?}");
}

#[tokio::test]
async fn a_transaction_that_fails_behind_a_raw_commit_is_told_as_a_part() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        db.batch_execute("COMMIT").await?;
        insert(db, 2).await?;
        let _swallowed = insert(db, 2).await;
        Ok::<_, AppError>(())
    };
    let result = bed.factory.with_session(body).await;
    assert!(is_kept(&result), "{result:?}");
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_statement_that_fails_behind_a_raw_commit_is_no_ok_although_its_error_was_swallowed() {
    for way in [Way::Batch, Way::Raw] {
        for texts in [
            &["COMMIT; SELECT 1 / 0; INSERT INTO items VALUES (2, 'a')"][..],
            &["COMMIT; BEGIN; SELECT 1 / 0; INSERT INTO items VALUES (2, 'a')"],
            &["COMMIT AND CHAIN; SELECT 1 / 0"],
            &["COMMIT; BEGIN", "SELECT 1 / 0", "ROLLBACK"],
        ] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                insert(db, 1).await?;
                for text in texts {
                    let _swallowed = run(db, way, text).await;
                }
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(is_kept(&result), "{way:?} {texts:?}: {result:?}");
            assert_eq!(bed.count().await, 1, "{way:?} {texts:?}");
        }
    }
}

/// The client sees the error before ReadyForQuery says that no transaction is open.
#[tokio::test]
async fn nothing_runs_outside_of_a_transaction_behind_a_text_that_ended_it_and_failed() {
    let bed = PgBed::new().await;
    let count = AtomicI32::new(0);
    for way in [Way::Batch, Way::Raw] {
        for text in [
            "ROLLBACK; SELECT 1/0",
            "ROLLBACK; ROLLBACK TO SAVEPOINT nothing",
            "ALTER TABLE nothing RENAME TO none; COMMIT",
            "INSERT INTO items VALUES (-1, 'a'), (-1, 'b'); COMMIT",
        ] {
            // The machine determines how soon ReadyForQuery arrives: the bug appeared in one call
            // of four.
            for in_savepoint in [false, true].repeat(12) {
                let id = count.fetch_add(2, Ordering::Relaxed);
                let behind = async |db: &mut Session<PgDb>| {
                    if in_savepoint {
                        let kept = db.savepoint(async |db| {
                            insert(db, id + 1).await?;
                            Err::<(), _>(AppError::Refused("on purpose"))
                        });
                        let _swallowed = kept.await;
                    } else {
                        let _swallowed = insert(db, id + 1).await;
                    }
                };
                let result: Result<(), AppError> = bed
                    .factory
                    .with_session(async |db| {
                        insert(db, id).await?;
                        let _swallowed = run(db, way, text).await;
                        behind(db).await;
                        Err(AppError::Refused("on purpose"))
                    })
                    .await;
                assert!(result.is_err());
                assert_eq!(bed.count().await, 0, "{way:?} {text} {in_savepoint}");
            }
        }
    }
}

#[tokio::test]
async fn a_dropped_commit_of_raw_sql_is_never_told_as_rolled_back() {
    let bed = PgBed::new().await;
    bed.run(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'; \
         CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON items \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    .await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        let limit = std::time::Duration::from_millis(100);
        let commit = db.batch_execute("COMMIT");
        assert!(tokio::time::timeout(limit, commit).await.is_err());
        Ok::<_, AppError>(())
    };
    let result = bed.factory.with_session(body).await;
    assert!(result.is_err(), "{result:?}");
    // Either cancelled in time, or committed and reported so.
    assert_eq!(is_kept(&result), bed.count().await == 1, "{result:?}");
}

#[tokio::test]
async fn an_end_that_a_lost_connection_hides_is_never_an_ok_and_never_told_as_rolled_back() {
    let bed = PgBed::one_proxied_connection().await;
    let mut id = 0;
    for way in [Way::Batch, Way::Query, Way::Raw] {
        for (text, rows) in [
            ("COMMIT", 1),
            ("/* */ COMMIT AND CHAIN", 1),
            (
                "COMMIT; INSERT INTO items VALUES (-ID, 'a'); SELECT 1 / 0",
                2,
            ),
        ] {
            if matches!(way, Way::Query) && text.contains(';') {
                continue;
            }
            let mut unknown = 0;
            for bytes in (0..).step_by(3) {
                id += 1;
                let text = text.replace("ID", &id.to_string());
                let body = async |db: &mut Session<PgDb>| {
                    insert(db, id).await?;
                    bed.proxy().arm(Cut::after(bytes, Direction::ToClient));
                    let _swallowed = run(db, way, &text).await;
                    Ok::<_, AppError>(())
                };
                let result = bed.factory.with_session(body).await;
                let struck = !bed.proxy().is_armed();
                bed.proxy().disarm();
                let said = format!("{way:?} {text}, byte {bytes}: {result:?}");
                let sql = format!("SELECT count(*) FROM items WHERE abs(id) = {id}");
                let there = bed.database.integer(&sql).await;
                match result {
                    Ok(()) => assert_eq!(there, rows, "{said}"),
                    Err(AppError::Session(SessionError::PartlyCommitted(
                        PartlyCommitted::EndedUnseen,
                    ))) => unknown += 1,
                    error if is_kept(&error) => assert_eq!(there, 1, "{said}"),
                    Err(_) => assert_eq!(there, 0, "{said}"),
                }
                if !struck {
                    break;
                }
            }
            assert!(unknown > 0, "{way:?} {text}");
        }
    }
}

#[tokio::test]
async fn hooks_of_a_rollback_do_not_run_over_what_raw_sql_committed() {
    let bed = PgBed::new().await;
    let ran = std::sync::Arc::new(AtomicU32::new(0));
    let hook = ran.clone();
    let body = async move |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        db.after_rollback(async move {
            hook.fetch_add(1, Ordering::SeqCst);
        });
        db.batch_execute("COMMIT").await?;
        Err::<(), _>(AppError::Refused("no"))
    };
    assert!(bed.factory.with_session(body).await.is_err());
    assert_eq!(bed.count().await, 1);
    assert_eq!(AtomicU32::load(&ran, Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_statement_that_failed_before_it_was_sent_is_not_committed_over() {
    let many: Vec<i32> = (0..80_000).collect();
    for in_savepoint in [false, true] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            insert(db, 1).await?;
            let values: Vec<_> = many
                .iter()
                .map(|id| (items::id.eq(*id), items::name.eq("x")))
                .collect();
            let refused = if in_savepoint {
                db.savepoint(async |db| {
                    diesel::insert_into(items::table)
                        .values(&values)
                        .execute(db)
                        .await?;
                    Ok::<_, AppError>(())
                })
                .await
            } else {
                let inserted = diesel::insert_into(items::table)
                    .values(&values)
                    .execute(db);
                inserted.await.map(drop).map_err(AppError::from)
            };
            assert!(refused.is_err());
            if in_savepoint {
                insert(db, 80_001).await?;
            }
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        if in_savepoint {
            result.unwrap();
            assert_eq!(bed.count().await, 2);
        } else {
            let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
                panic!("{result:?}")
            };
            let statement = aborted.statement().unwrap().to_string();
            assert_eq!(
                statement,
                "error encoding message to server: a text with a NUL byte, more than 65535 binds, or a value that is too \
                 long"
            );
            assert_eq!(bed.count().await, 0);
        }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = items)]
struct Change {
    name: Option<String>,
}

#[tokio::test]
async fn a_row_that_is_not_found_and_a_change_of_nothing_abort_nothing() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        insert(db, 1).await?;
        let found = items::table
            .find(7)
            .select(items::id)
            .first::<i32>(db)
            .await
            .optional()?;
        assert_eq!(found, None);
        let nothing = diesel::update(items::table.find(1)).set(Change { name: None });
        let changed = nothing.execute(db).await.optional_empty_changeset()?;
        assert_eq!(changed, None);
        insert(db, 2).await
    };
    bed.factory.with_session(body).await.unwrap();
    assert_eq!(bed.count().await, 2);
}
