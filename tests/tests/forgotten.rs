//! A forgotten statement future (`mem::forget`) counts as dropped. (For SQLite:
//! `sqlite_forgotten.rs`.)
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::mem_forget)] // the subject

use std::future::Future;

use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager as _};
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, MyBed, MyDb, PgBed, PgDb};

/// Polls the future once, so that the statement is sent, and forgets it.
fn forget<'a, T: 'a>(future: impl Future<Output = T> + 'a) {
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    std::mem::forget(future);
}

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident, $sleep:literal) => {
        mod $backend {
            use super::*;

            type Manager = <Session<$db> as AsyncConnection>::TransactionManager;

            #[tokio::test]
            async fn a_statement_whose_future_is_forgotten_is_rolled_back_and_the_next_call_works()
            {
                let bed = $bed::one_connection()
                .await;
                let body = async |db: &mut Session<$db>| -> Result<(), AppError> {
                    db.batch_execute("INSERT INTO items VALUES (1, 'a')").await?;
                    forget(diesel::sql_query($sleep).execute(db));
                    let refused = db.batch_execute("INSERT INTO items VALUES (2, 'b')").await;
                    assert!(refused.is_err());
                    Ok(())
                };
                let result = bed.factory.with_session(body).await;
                assert!(
                    matches!(&result, Err(AppError::Session(SessionError::Aborted(aborted)))
                        if matches!(aborted.reason(), AbortReason::StatementDropped)),
                    "{result:?}"
                );
                assert_eq!(bed.count().await, 0);
                let next = async |db: &mut Session<$db>| -> Result<(), AppError> {
                    Ok(db.batch_execute("INSERT INTO items VALUES (3, 'c')").await?)
                };
                bed.factory.with_session(next).await.unwrap();
                assert_eq!(bed.count().await, 1);
            }

            #[tokio::test]
            async fn an_end_by_hand_behind_a_savepoint_that_was_forgotten_says_what_is_true() {
                let bed = $bed::new().await;
                for in_statement in [true, false] {
                    let body = async |db: &mut Session<$db>| -> Result<(), AppError> {
                        Manager::begin_transaction(db).await?;
                        db.batch_execute("INSERT INTO items VALUES (1, 'a')").await?;
                        forget(db.savepoint(async |db| {
                            if in_statement {
                                diesel::sql_query($sleep).execute(db).await?;
                            } else {
                                std::future::pending::<()>().await;
                            }
                            Ok::<_, AppError>(())
                        }));
                        let refused = Manager::commit_transaction(db).await;
                        match SessionError::from(refused.unwrap_err()) {
                            SessionError::Aborted(aborted) if in_statement => assert!(
                                matches!(aborted.reason(), AbortReason::StatementDropped),
                                "{aborted:?}"
                            ),
                            error @ SessionError::NotBegun(_) if !in_statement => assert!(
                                error
                                    .to_string()
                                    .contains("begin_transaction() has not begun what it would have ended"),
                                "{error}"
                            ),
                            other => panic!("{in_statement}: {other:?}"),
                        }
                        Ok(())
                    };
                    let result = bed.factory.with_session(body).await;
                    let Err(AppError::Session(SessionError::Aborted(_))) = result else {
                        panic!("{in_statement}: {result:?}")
                    };
                    assert_eq!(bed.count().await, 0);
                }
            }
        }
    };
}

suite!(postgres, PgDb, PgBed, "SELECT pg_sleep(30)");
suite!(mysql, MyDb, MyBed, "SELECT SLEEP(30)");
