//! A body that ends its transaction itself, by a call or by raw SQL, gets `Ok` only if it is true.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{
    AbortReason, CommittedPart, PartlyCommitted, Session, SessionError, with_session,
};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb};

fn is_in_savepoint(result: &Result<(), AppError>, call: &str) -> bool {
    matches!(result, Err(AppError::Session(SessionError::InSavepoint(name))) if *name == call)
}

fn is_ended_by_body<T>(result: &Result<T, AppError>) -> bool {
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        return false;
    };
    matches!(aborted.reason(), AbortReason::EndedByBody)
}

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident) => {
        mod $backend {
            use super::*;
            pub(super) use session_factory_tests::functions::$backend::{insert, insert_in};

            /// An application's function that commits half-way.
            #[with_session]
            async fn import(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert_in(db, id).await?;
                db.commit().await?;
                Ok(())
            }

            #[with_session(savepoint)]
            async fn import_in_savepoint(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                import_in(db, id).await
            }

            /// All connections are back, and the next call gets one that works.
            async fn assert_goes_on(bed: &$bed, rows: i64) {
                bed.at_rest().await;
                assert_eq!(bed.count().await, rows);
                bed.factory.scope(insert(99)).await.unwrap();
                assert_eq!(bed.count().await, rows + 1);
            }

            async fn one_connection() -> $bed {
                $bed::one_connection().await
            }

            #[tokio::test]
            async fn a_commit_inside_a_savepoint_is_refused_and_loses_nothing() {
                let bed = one_connection().await;
                let outer = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    let inner = db.savepoint(async |db| import_in(db, 2).await).await;
                    assert!(is_in_savepoint(&inner, "commit"), "{inner:?}");
                    let inner = import_in_savepoint_in(db, 3).await;
                    assert!(is_in_savepoint(&inner, "commit"), "{inner:?}");
                    let inner = db.transaction(async |db| import_in(db, 4).await).await;
                    assert!(is_in_savepoint(&inner, "commit"), "{inner:?}");
                    Ok::<_, AppError>(())
                };
                bed.factory.with_session(outer).await.unwrap();
                assert_goes_on(&bed, 1).await;
            }

            #[tokio::test]
            async fn a_rollback_inside_a_savepoint_is_refused_and_the_savepoint_goes_on() {
                let bed = one_connection().await;
                let outer = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    db.savepoint(async |db| {
                        insert_in(db, 2).await?;
                        let refused = db.rollback().await;
                        assert!(matches!(
                            refused,
                            Err(SessionError::InSavepoint("rollback"))
                        ));
                        insert_in(db, 3).await
                    })
                    .await?;
                    insert_in(db, 4).await
                };
                bed.factory.with_session(outer).await.unwrap();
                assert_goes_on(&bed, 4).await;
            }

            #[tokio::test]
            async fn a_swallowed_failure_of_commit_is_told_again_by_the_call() {
                let bed = one_connection().await;
                let body = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    db.set_rollback_only();
                    assert!(matches!(db.commit().await, Err(SessionError::Aborted(_))));
                    insert_in(db, 2).await
                };
                let result = bed.factory.with_session(body).await;
                let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
                    panic!("{result:?}")
                };
                assert!(matches!(aborted.reason(), AbortReason::RollbackOnly));
                assert_goes_on(&bed, 0).await;
            }

            #[tokio::test]
            async fn a_failure_of_commit_that_rollback_answered_is_over() {
                let bed = one_connection().await;
                let body = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    db.set_rollback_only();
                    assert!(db.commit().await.is_err());
                    db.rollback().await?;
                    insert_in(db, 2).await
                };
                bed.factory.with_session(body).await.unwrap();
                assert_goes_on(&bed, 1).await;
            }

            #[tokio::test]
            async fn a_raw_rollback_that_begins_another_transaction_is_never_an_ok() {
                for sql in ["ROLLBACK; BEGIN", "ROLLBACK; SAVEPOINT mine"] {
                    let bed = one_connection().await;
                    let body = async |db: &mut Session<$db>| {
                        insert_in(db, 1).await?;
                        db.batch_execute(sql).await?;
                        Ok::<_, AppError>(())
                    };
                    let result = bed.factory.with_session(body).await;
                    assert!(result.is_err(), "{sql}");
                    assert_goes_on(&bed, 0).await;
                }
            }

            #[tokio::test]
            async fn nothing_runs_behind_a_transaction_that_the_raw_connection_ended() {
                for (sql, kept) in [("COMMIT", 1), ("ROLLBACK", 0)] {
                    let bed = one_connection().await;
                    let body = async |db: &mut Session<$db>| {
                        insert_in(db, 1).await?;
                        db.connection().await?.batch_execute(sql).await?;
                        insert_in(db, 2).await
                    };
                    let result = bed.factory.with_session(body).await;
                    if !(sql == "COMMIT" && result.is_ok()) {
                        assert!(result.is_err(), "{sql}");
                        assert_goes_on(&bed, kept).await;
                    } else {
                        // The commit was seen. Later statements belong to another transaction,
                        // which commits too.
                        assert_goes_on(&bed, 2).await;
                    }
                    // An error keeps nothing of the later statements.
                    let bed = one_connection().await;
                    let body = async |db: &mut Session<$db>| {
                        insert_in(db, 1).await?;
                        db.connection().await?.batch_execute(sql).await?;
                        let _refused = insert_in(db, 2).await;
                        Err::<(), _>(AppError::Refused("no"))
                    };
                    assert!(bed.factory.with_session(body).await.is_err());
                    assert_goes_on(&bed, kept).await;
                }
            }

            #[tokio::test]
            async fn a_session_put_in_the_place_of_another_is_noticed() {
                let bed = $bed::new().await;
                let factory = bed.factory.clone();
                let body = async move |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    let other = factory.create_session().await?;
                    drop(std::mem::replace(db, other));
                    Ok::<_, AppError>(())
                };
                let result = bed.factory.with_session(body).await;
                let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
                    panic!("{result:?}")
                };
                assert!(matches!(aborted.reason(), AbortReason::Replaced));
                assert_goes_on(&bed, 0).await;
            }
        }
    };
}

suite!(postgres, PgDb, PgBed);
suite!(mysql, MyDb, MyBed);
suite!(sqlite, LiteDb, LiteBed);

#[tokio::test]
async fn a_chained_rollback_is_never_an_ok() {
    for sql in ["ROLLBACK AND CHAIN", "abort work\nand chain"] {
        for prepared in [false, true] {
            let bed = PgBed::new().await;
            let body = async |db: &mut Session<PgDb>| {
                postgres::insert_in(db, 1).await?;
                if prepared {
                    diesel::sql_query(sql).execute(db).await?;
                } else {
                    db.connection().await?.batch_execute(sql).await?;
                }
                Ok::<_, AppError>(())
            };
            let result = bed.factory.with_session(body).await;
            assert!(is_ended_by_body(&result), "{sql}: {result:?}");
            assert_eq!(bed.count().await, 0);
        }
    }
}

#[tokio::test]
async fn a_chained_commit_has_committed() {
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        postgres::insert_in(db, 1).await?;
        db.batch_execute("COMMIT AND CHAIN").await?;
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await.unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn what_is_prepared_for_two_phases_is_not_committed() {
    // With max_prepared_transactions = 0, the server refuses it, which must not give `Ok` either.
    let bed = PgBed::new().await;
    let body = async |db: &mut Session<PgDb>| {
        postgres::insert_in(db, 1).await?;
        let _prepared = db.batch_execute("PREPARE TRANSACTION 'g1'").await;
        Ok::<_, AppError>(())
    };
    assert!(bed.factory.with_session(body).await.is_err());
    assert_eq!(bed.count().await, 0);
}

/// Inserts row 1 and runs the texts, on the session or on one loan of the raw connection.
async fn run_by_hand(bed: &PgBed, texts: &[String], raw: bool) -> Result<(), AppError> {
    let body = async |db: &mut Session<PgDb>| {
        postgres::insert_in(db, 1).await?;
        if raw {
            let connection = db.connection().await?;
            for text in texts {
                connection.batch_execute(text).await?;
            }
        } else {
            for text in texts {
                db.batch_execute(text).await?;
            }
        }
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await
}

#[tokio::test]
async fn the_first_end_in_a_text_decides_and_an_end_of_any_spelling_is_one() {
    let long = format!("/*{}*/ ROLLBACK AND CHAIN", "x".repeat(20_000));
    let longer = format!("/*{}*/ ROLLBACK AND CHAIN", "x".repeat(400_000));
    let texts: [&[&str]; 8] = [
        &["ROLLBACK AND/**/CHAIN"],
        &["ROLLBACK AND -- c\n CHAIN"],
        &[&long],
        &[&longer],
        &["ROLLBACK; COMMIT"],
        &["ROLLBACK", "BEGIN", "COMMIT"],
        &["ROLLBACK; BEGIN; SAVEPOINT a; ROLLBACK TO a; COMMIT"],
        &["SAVEPOINT a; ROLLBACK TO a; ROLLBACK AND CHAIN"],
    ];
    for texts in texts {
        for raw in [false, true] {
            let bed = PgBed::new().await;
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let result = run_by_hand(&bed, &texts, raw).await;
            let said: String = texts.concat().chars().rev().take(60).collect();
            assert!(result.is_err(), "{raw} {said}: {result:?}");
            assert_eq!(bed.count().await, 0, "{raw} {said}");
        }
    }
}

#[tokio::test]
async fn a_commit_with_nothing_lost_behind_it_is_an_ok() {
    let texts: [&[&str]; 4] = [
        &["COMMIT; ROLLBACK"],
        &["COMMIT; BEGIN"],
        &["END AND CHAIN"],
        &["COMMIT AND CHAIN; COMMIT"],
    ];
    for texts in texts {
        for raw in [false, true] {
            let bed = PgBed::new().await;
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            run_by_hand(&bed, &texts, raw).await.unwrap();
            assert_eq!(bed.count().await, 1, "{raw} {texts:?}");
        }
    }
}

#[tokio::test]
async fn a_raw_rollback_with_nothing_committed_behind_it_is_told_as_rolled_back() {
    let insert = "INSERT INTO items VALUES (2, 'b')";
    for behind in ["", "; ROLLBACK"] {
        for raw in [false, true] {
            let bed = PgBed::new().await;
            let text = format!("ROLLBACK; BEGIN; {insert}{behind}");
            let result = run_by_hand(&bed, std::slice::from_ref(&text), raw).await;
            assert!(is_ended_by_body(&result), "{raw} {text}: {result:?}");
            assert_eq!(bed.count().await, 0, "{raw} {text}");
        }
    }
}

#[tokio::test]
async fn what_runs_behind_the_end_is_told_as_what_became_of_it() {
    let insert = "INSERT INTO items VALUES (2, 'b')";
    let other = "INSERT INTO items VALUES (3, 'c')";
    let before = "what came before it was committed, and nothing behind it was;";
    let cases: [(&[&str], CommittedPart, &str, i64); 6] = [
        (
            &["COMMIT; BEGIN; ", insert],
            CommittedPart::Before,
            before,
            1,
        ),
        (
            &["COMMIT AND CHAIN; ", insert],
            CommittedPart::Before,
            before,
            1,
        ),
        (
            &["COMMIT; BEGIN; ", insert, "; ROLLBACK"],
            CommittedPart::Before,
            before,
            1,
        ),
        (
            &["COMMIT; ", insert],
            CommittedPart::BeforeAndBehind,
            "what came before it was committed, and so was what came behind it;",
            2,
        ),
        (
            &["COMMIT; BEGIN; ", insert, "; COMMIT; BEGIN; ", other],
            CommittedPart::BeforeAndSomeBehind,
            "what came before it was committed, and what came behind it was committed in part;",
            2,
        ),
        (
            &["ROLLBACK; ", insert],
            CommittedPart::Behind,
            "what came before it was rolled back, and what came behind it was committed;",
            1,
        ),
    ];
    for (text, expected, words, rows) in cases {
        for raw in [false, true] {
            let bed = PgBed::new().await;
            let text = text.concat();
            let result = run_by_hand(&bed, std::slice::from_ref(&text), raw).await;
            let Err(AppError::Session(SessionError::PartlyCommitted(
                PartlyCommitted::EndedByBody(part),
            ))) = &result
            else {
                panic!("{raw} {text}: {result:?}")
            };
            assert_eq!(*part, expected, "{raw} {text}");
            let said = result.as_ref().unwrap_err().to_string();
            assert!(said.contains(words), "{raw} {text}: {said}");
            assert_eq!(bed.count().await, rows, "{raw} {text}");
        }
    }
}

#[tokio::test]
async fn a_commit_behind_a_rollback_in_one_text_is_told_as_unknown() {
    // The command tags are the same as for a rollback to a savepoint, and for a commit of all work.
    for sql in [
        "ROLLBACK; BEGIN; SELECT 1; COMMIT",
        "ROLLBACK; BEGIN; INSERT INTO items VALUES (2, 'b'); COMMIT",
        "SAVEPOINT a; ROLLBACK TO a; COMMIT",
    ] {
        for raw in [false, true] {
            let bed = PgBed::new().await;
            let result = run_by_hand(&bed, &[sql.to_owned()], raw).await;
            let Err(AppError::Session(SessionError::PartlyCommitted(PartlyCommitted::EndedUnseen))) =
                result
            else {
                panic!("{raw} {sql}: {result:?}")
            };
        }
    }
}

#[tokio::test]
async fn a_block_or_a_procedure_that_ends_a_transaction_behind_a_raw_end_is_told_as_unknown() {
    let insert = "INSERT INTO items VALUES (2, 'b')";
    let other = "INSERT INTO items VALUES (3, 'c')";
    let fails = "RAISE EXCEPTION 'refused'";
    let bodies = [
        format!("{insert}; ROLLBACK;"),
        format!("{insert}; COMMIT; {other}; ROLLBACK;"),
        format!("{insert}; COMMIT; {fails};"),
    ];
    for end in ["COMMIT", "ROLLBACK"] {
        for body in &bodies {
            for run in ["DO", "CALL", "/* a comment */ call"] {
                let bed = PgBed::one_connection().await;
                let block = format!("$$ BEGIN {body} END $$");
                let text = if run == "DO" {
                    format!("DO {block}")
                } else {
                    let create = format!("CREATE PROCEDURE works() LANGUAGE plpgsql AS {block}");
                    bed.run(&create).await;
                    format!("{run} works()")
                };
                let session = async |db: &mut Session<PgDb>| {
                    postgres::insert_in(db, 1).await?;
                    let connection = db.connection().await?;
                    connection.batch_execute(end).await?;
                    let ran = connection.batch_execute(&text).await;
                    assert_eq!(ran.is_err(), body.contains(fails), "{end} {text}: {ran:?}");
                    Ok::<_, AppError>(())
                };
                let result = bed.factory.with_session(session).await;
                assert!(
                    matches!(
                        result,
                        Err(AppError::Session(SessionError::PartlyCommitted(
                            PartlyCommitted::EndedUnseen
                        )))
                    ),
                    "{end} {text} {body}: {result:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_commit_behind_a_raw_end_is_no_ok() {
    for sql in ["ROLLBACK AND/**/CHAIN", "ROLLBACK"] {
        let bed = PgBed::new().await;
        let body = async |db: &mut Session<PgDb>| {
            postgres::insert_in(db, 1).await?;
            db.commit_with(diesel::sql_query(sql)).await?;
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        assert!(is_ended_by_body(&result), "{sql}: {result:?}");
        assert_eq!(bed.count().await, 0);
    }
}

#[tokio::test]
async fn what_a_raw_commit_kept_is_not_done_again_by_retry() {
    let bed = PgBed::new().await;
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let body = async |db: &mut Session<PgDb>| {
        attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        diesel::sql_query("INSERT INTO items SELECT coalesce(max(id), 0) + 1, 'a' FROM items")
            .execute(db)
            .await?;
        db.connection().await?.batch_execute("COMMIT").await?;
        let raised = db
            .connection()
            .await?
            .batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
            .await;
        raised.map_err(AppError::from)
    };
    let result: Result<(), AppError> = bed.factory.session().retry(3).run(body).await;
    assert!(result.is_err());
    assert_eq!(bed.count().await, 1);
    assert_eq!(attempts.into_inner(), 1);
}

#[tokio::test]
async fn a_column_or_a_literal_named_chain_costs_nothing() {
    let bed = PgBed::one_proxied_connection().await;
    for id in 1..4 {
        let body = async |db: &mut Session<PgDb>| {
            postgres::insert_in(db, id).await?;
            for sql in [
                "SELECT 1 WHERE 1 = 1 AND 'lock and chain' <> ''",
                "SELECT 1 FROM (SELECT 1 AS chain) a WHERE true AND chain = 1",
            ] {
                diesel::sql_query(sql).execute(db).await?;
                db.batch_execute(sql).await?;
            }
            let undone = db
                .savepoint(async |db| {
                    postgres::insert_in(db, 100).await?;
                    Err::<(), _>(AppError::Refused("no"))
                })
                .await;
            assert!(matches!(undone, Err(AppError::Refused(_))), "{undone:?}");
            Ok::<_, AppError>(())
        };
        bed.factory.with_session(body).await.unwrap();
    }
    assert_eq!(bed.count().await, 3);
    assert_eq!(bed.proxy().counts().opened, 1);
}
