//! diesel-async's `TransactionManager`, called by hand, ends only what it began, and no `Ok` hides
//! a mistake.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel::prelude::*;
use diesel_async::{AsyncConnection, TransactionManager};
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb};

const COMMIT: &str = "commit_transaction";
const ROLLBACK: &str = "rollback_transaction";

async fn begin<C: AsyncConnection>(conn: &mut C) -> QueryResult<()> {
    C::TransactionManager::begin_transaction(conn).await
}

async fn end<C: AsyncConnection>(conn: &mut C, call: &str) -> QueryResult<()> {
    if call == COMMIT {
        C::TransactionManager::commit_transaction(conn).await
    } else {
        C::TransactionManager::rollback_transaction(conn).await
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Outermost,
    Savepoint,
    Transaction,
    InnerSavepoint,
    /// A savepoint inside a transaction that was begun by hand.
    BegunByHand,
}

const PLACES: [Place; 5] = [
    Place::Outermost,
    Place::Savepoint,
    Place::Transaction,
    Place::InnerSavepoint,
    Place::BegunByHand,
];

/// The calls after the insert of row 2.
#[derive(Debug, Clone, Copy)]
enum Calls {
    /// An end without a beginning; the body returns its error.
    End(&'static str),
    /// An end without a beginning; the body ignores its error and returns this result.
    Ignored(&'static str, Result<(), &'static str>),
    /// One end too many, after a transaction that was begun.
    OneTooMany(&'static str),
    /// A beginning without an end.
    LeftOpen,
    Balanced(&'static str),
}

fn session_error(error: AppError) -> SessionError {
    match error {
        AppError::Session(error) => error,
        AppError::Query(error) => error.into(),
        AppError::Refused(error) => panic!("the body's own: {error}"),
    }
}

/// The savepoint's result, and the call's.
type Both = Result<Result<(), AppError>, AppError>;

/// The reason for the rollback: from the savepoint or transaction, or else from the call.
fn given_up(place: Place, both: Both) -> AbortReason {
    let error = match (place, both) {
        (Place::Outermost, Err(error)) | (_, Ok(Err(error))) => session_error(error),
        (_, both) => panic!("{place:?}: {both:?}"),
    };
    match error {
        SessionError::Aborted(aborted) => {
            let words = aborted.to_string();
            let rolled_back = if place == Place::Outermost {
                "the transaction cannot be committed and is rolled back: "
            } else {
                "the savepoint cannot be released and is rolled back, and the transaction goes on: "
            };
            assert!(words.starts_with(rolled_back), "{place:?}: {words}");
            if let AbortReason::NotBegun(call) = aborted.reason() {
                assert!(
                    words.contains(&format!("TransactionManager::{call}()")),
                    "{words}"
                );
                assert!(
                    words.contains("return Ok to keep the work or Err to undo it"),
                    "{words}"
                );
            }
            aborted.reason().clone()
        }
        other => panic!("{place:?}: {other}"),
    }
}

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::insert_in;

            async fn work(db: &mut Session<$db>, calls: Calls) -> Result<(), AppError> {
                insert_in(db, 2).await?;
                match calls {
                    Calls::End(call) => Ok(end(db, call).await?),
                    Calls::Ignored(call, result) => {
                        end(db, call).await.unwrap_err();
                        // The body believes that the transaction has ended, so no statement may
                        // run.
                        insert_in(db, 3).await.unwrap_err();
                        result.map_err(AppError::Refused)
                    }
                    Calls::OneTooMany(call) => {
                        begin(db).await?;
                        insert_in(db, 3).await?;
                        end(db, COMMIT).await?;
                        Ok(end(db, call).await?)
                    }
                    Calls::LeftOpen => {
                        begin(db).await?;
                        insert_in(db, 3).await
                    }
                    Calls::Balanced(call) => {
                        begin(db).await?;
                        insert_in(db, 3).await?;
                        Ok(end(db, call).await?)
                    }
                }
            }

            async fn at(db: &mut Session<$db>, place: Place, calls: Calls) -> Result<(), AppError> {
                match place {
                    Place::Outermost => work(db, calls).await,
                    Place::Savepoint => db.savepoint(async |db| work(db, calls).await).await,
                    Place::Transaction => db.transaction(async |db| work(db, calls).await).await,
                    Place::InnerSavepoint => {
                        let inner = async |db: &mut Session<$db>| work(db, calls).await;
                        db.savepoint(async |db| db.savepoint(inner).await).await
                    }
                    Place::BegunByHand => {
                        begin(db).await?;
                        let result = db.savepoint(async |db| work(db, calls).await).await;
                        end(db, COMMIT).await?;
                        result
                    }
                }
            }

            /// Makes the calls after the insert of row 1. An error of the savepoint is not the
            /// call's.
            async fn run(bed: &$bed, place: Place, calls: Calls) -> Both {
                let body = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    Ok::<_, AppError>(at(db, place, calls).await)
                };
                bed.factory.with_session(body).await
            }

            #[tokio::test]
            async fn an_end_by_hand_without_a_beginning_is_refused_and_says_what_to_write() {
                for call in [COMMIT, ROLLBACK] {
                    let bed = $bed::new().await;
                    for calls in [Calls::End(call), Calls::OneTooMany(call)] {
                        let body = async |db: &mut Session<$db>| work(db, calls).await;
                        let refused = bed.factory.with_session(body).await.unwrap_err();
                        let error = session_error(refused);
                        assert!(matches!(error, SessionError::NotBegun(named) if named == call));
                        let words = error.to_string();
                        for part in [
                            &*format!("TransactionManager::{call}() was called, and begin_transaction() has not begun what it would have ended"),
                            "nothing was sent",
                            "return Ok to keep the work or Err to undo it",
                            "db.commit() or db.rollback()",
                        ] {
                            assert!(words.contains(part), "{words}");
                        }
                    }
                    assert_eq!(bed.count().await, 0);
                }
            }

            #[tokio::test]
            async fn an_end_by_hand_does_not_end_the_savepoint_of_a_closure() {
                for place in PLACES {
                    for call in [COMMIT, ROLLBACK] {
                        for calls in [
                            Calls::End(call),
                            Calls::OneTooMany(call),
                            Calls::Ignored(call, Err("undo it")),
                        ] {
                            let bed = $bed::new().await;
                            let both = run(&bed, place, calls).await;
                            let case = format!("{place:?} {calls:?} {both:?}");
                            if place == Place::Outermost {
                                // The call's body ignored the error.
                                assert!(both.is_err(), "{case}");
                                assert_eq!(bed.count().await, 0, "{case}");
                            } else {
                                assert!(both.unwrap().is_err(), "{case}");
                                // The `Err`'s work is rolled back, and the rest is kept.
                                assert_eq!(bed.count().await, 1, "{case}");
                            }
                        }
                    }
                }
            }

            #[tokio::test]
            async fn an_end_by_hand_that_was_refused_and_ignored_is_never_an_ok() {
                for place in PLACES {
                    for call in [COMMIT, ROLLBACK] {
                        let bed = $bed::new().await;
                        let both = run(&bed, place, Calls::Ignored(call, Ok(()))).await;
                        let reason = given_up(place, both);
                        assert!(
                            matches!(reason, AbortReason::NotBegun(named) if named == call),
                            "{place:?}: {reason:?}"
                        );
                        let kept = i64::from(place != Place::Outermost);
                        assert_eq!(bed.count().await, kept, "{place:?}");
                    }
                }
            }

            #[tokio::test]
            async fn a_transaction_begun_by_hand_and_left_open_is_never_an_ok() {
                for place in PLACES {
                    let bed = $bed::new().await;
                    let both = run(&bed, place, Calls::LeftOpen).await;
                    let reason = given_up(place, both);
                    assert!(matches!(reason, AbortReason::OpenSavepoint), "{place:?}: {reason:?}");
                    let kept = i64::from(place != Place::Outermost);
                    assert_eq!(bed.count().await, kept, "{place:?}");
                }
            }

            #[tokio::test]
            async fn a_transaction_begun_and_ended_by_hand_is_a_savepoint() {
                for place in PLACES {
                    for (call, kept) in [(COMMIT, 3), (ROLLBACK, 2)] {
                        let bed = $bed::new().await;
                        run(&bed, place, Calls::Balanced(call)).await.unwrap().unwrap();
                        assert_eq!(bed.count().await, kept, "{place:?} {call}");
                    }
                }
            }

            /// Makes these calls on the raw connection.
            async fn raw(db: &mut Session<$db>, calls: &[&str]) -> Result<(), AppError> {
                let conn = db.connection().await?;
                for call in calls {
                    match *call {
                        "begin_transaction" => begin(conn).await?,
                        call => end(conn, call).await?,
                    }
                }
                Ok(())
            }

            #[tokio::test]
            async fn one_begun_by_hand_on_the_raw_connection_and_left_open_is_never_an_ok() {
                for savepoint in [false, true] {
                    let bed = $bed::new().await;
                    let body = async |db: &mut Session<$db>| {
                        insert_in(db, 1).await?;
                        if savepoint {
                            db.savepoint(async |db| raw(db, &["begin_transaction"]).await).await
                        } else {
                            raw(db, &["begin_transaction"]).await
                        }
                    };
                    let result = bed.factory.with_session(body).await;
                    let error = session_error(result.unwrap_err());
                    assert!(
                        matches!(&error, SessionError::Aborted(aborted)
                            if matches!(aborted.reason(), AbortReason::OpenSavepoint)),
                        "{savepoint}: {error}"
                    );
                    assert_eq!(bed.count().await, 0, "{savepoint}");
                }
            }

            #[tokio::test]
            async fn one_end_too_many_on_the_raw_connection_is_never_an_ok_inside_of_a_savepoint() {
                for call in [COMMIT, ROLLBACK] {
                    for before in [&["begin_transaction", COMMIT][..], &[]] {
                        for fails in [false, true] {
                            let bed = $bed::new().await;
                            let calls: Vec<_> = before.iter().copied().chain([call]).collect();
                            let body = async |db: &mut Session<$db>| {
                                insert_in(db, 1).await?;
                                let inner = async |db: &mut Session<$db>| {
                                    insert_in(db, 2).await?;
                                    raw(db, &calls).await?;
                                    if fails { Err(AppError::Refused("undo it")) } else { Ok(()) }
                                };
                                let _ignored = db.savepoint(inner).await;
                                Ok::<_, AppError>(())
                            };
                            let result = bed.factory.with_session(body).await;
                            let rows = bed.count().await;
                            let case = format!("{calls:?} {fails} {result:?} {rows}");
                            match result {
                                // The work is there, and the savepoint had no reason to undo it.
                                Ok(()) => assert_eq!((call, fails, rows), (COMMIT, false, 2), "{case}"),
                                Err(AppError::Session(SessionError::Aborted(_))) => {
                                    assert_eq!(rows, 0, "{case}");
                                }
                                Err(AppError::Session(SessionError::PartlyCommitted(_))) => {}
                                Err(_) => panic!("{case}"),
                            }
                        }
                    }
                }
            }
        }
    };
}

suite!(postgres, PgDb, PgBed);
suite!(mysql, MyDb, MyBed);
suite!(sqlite, LiteDb, LiteBed);
