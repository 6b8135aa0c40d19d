//! A forgotten statement future (`mem::forget`) counts as dropped. (For SQLite:
//! `sqlite_forgotten.rs`.)
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::mem_forget)] // the subject

use std::future::Future;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
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

            #[tokio::test]
            async fn a_statement_whose_future_is_forgotten_is_rolled_back_and_the_next_call_works()
            {
                let bed = $bed::with(|config| {
                    config.pool_size = 1;
                    config.max_overflow = 0;
                })
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
        }
    };
}

suite!(postgres, PgDb, PgBed, "SELECT pg_sleep(30)");
suite!(mysql, MyDb, MyBed, "SELECT SLEEP(30)");
