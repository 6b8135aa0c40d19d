//! The suite that every backend passes, in a bed of the tests' own and under `#[session_factory::test]`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::Factory;

use crate::{LiteDb, MyDb, PgDb, items};

/// The bed of a test that `#[session_factory::test]` runs.
macro_rules! test_bed {
    ($name:ident, $db:ident) => {
        pub struct $name {
            pub factory: Factory<$db>,
        }

        impl $name {
            /// The running test's database.
            pub async fn new() -> Self {
                Self {
                    factory: $db::factory().await.unwrap(),
                }
            }

            /// The number of rows that another session sees.
            pub async fn count(&self) -> i64 {
                let mut session = self.factory.create_session().await.unwrap();
                let counted = items::table.count().get_result(&mut session).await;
                session.close().await.unwrap();
                counted.unwrap()
            }

            /// Waits until no connection is lent or being recovered.
            pub async fn at_rest(&self) {
                crate::at_rest(&self.factory).await;
            }
        }
    };
}

test_bed!(TestPgBed, PgDb);
test_bed!(TestMyBed, MyDb);
test_bed!(TestLiteBed, LiteDb);

/// However a call ends, its work is committed or rolled back.
#[macro_export]
macro_rules! exit_paths {
    ($backend:ident, $db:ident, $bed:ident, #[$test:meta], #[$of_threads:meta]) => {
        mod $backend {
            use super::*;

            #[with_session]
            async fn insert(db: &mut Session<$db>, id: i32) -> Result<i32, AppError> {
                diesel::insert_into(items::table)
                    .values((items::id.eq(id), items::name.eq("name")))
                    .execute(db)
                    .await?;
                Ok(id)
            }

            #[with_session]
            async fn insert_and_fail(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert_in(db, id).await?;
                Err(AppError::Refused("no"))
            }

            #[with_session]
            async fn insert_twice(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert_in(db, id).await?;
                insert_in(db, id).await?;
                Ok(())
            }

            #[with_session]
            async fn insert_and_return_early(
                db: &mut Session<$db>,
                id: i32,
            ) -> Result<(), AppError> {
                insert_in(db, id).await?;
                if id > 0 {
                    return Err(AppError::Refused("early"));
                }
                Ok(())
            }

            #[with_session]
            async fn insert_and_panic(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert_in(db, id).await?;
                panic!("on purpose");
            }

            #[with_session]
            async fn insert_and_hang(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert_in(db, id).await?;
                std::future::pending::<()>().await;
                Ok(())
            }

            #[with_session]
            async fn count(db: &mut Session<$db>) -> QueryResult<i64> {
                items::table.count().get_result(db).await
            }

            /// The connection is free again, and the table has this number of rows.
            async fn assert_clean(bed: &$bed, rows: i64) {
                bed.at_rest().await;
                assert_eq!(bed.count().await, rows);
            }

            #[$test]
            async fn commits_on_ok() {
                let bed = $bed::new().await;
                assert_eq!(bed.factory.scope(insert(1)).await.unwrap(), 1);
                assert_clean(&bed, 1).await;
                assert_eq!(bed.factory.scope(count()).await.unwrap(), 1);
            }

            #[$test]
            async fn rolls_back_on_err() {
                let bed = $bed::new().await;
                let result = bed.factory.scope(insert_and_fail(1)).await;
                assert!(matches!(result, Err(AppError::Refused("no"))));
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn rolls_back_when_a_question_mark_returns() {
                let bed = $bed::new().await;
                let result = bed.factory.scope(insert_twice(1)).await;
                assert!(matches!(result, Err(AppError::Query(_))), "{result:?}");
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn rolls_back_on_an_early_return() {
                let bed = $bed::new().await;
                let result = bed.factory.scope(insert_and_return_early(1)).await;
                assert!(matches!(result, Err(AppError::Refused("early"))));
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn rolls_back_on_a_panic_and_passes_it_on() {
                let bed = $bed::new().await;
                let call = bed.factory.scope(insert_and_panic(1));
                let panic = std::panic::AssertUnwindSafe(call).catch_unwind().await;
                assert_eq!(
                    *panic.unwrap_err().downcast::<&str>().unwrap(),
                    "on purpose"
                );
                assert_clean(&bed, 0).await;
                assert_eq!(bed.factory.scope(insert(1)).await.unwrap(), 1);
            }

            #[$test]
            async fn rolls_back_when_the_caller_is_dropped() {
                let bed = $bed::new().await;
                let call = bed.factory.scope(insert_and_hang(1));
                let late = tokio::time::timeout(Duration::from_millis(200), call).await;
                assert!(late.is_err());
                assert_clean(&bed, 0).await;
                assert_eq!(bed.factory.scope(insert(1)).await.unwrap(), 1);
            }

            #[$of_threads]
            async fn rolls_back_when_the_task_is_aborted() {
                let bed = $bed::new().await;
                let factory = bed.factory.clone();
                let task = tokio::spawn(async move { factory.scope(insert_and_hang(1)).await });
                tokio::time::sleep(Duration::from_millis(200)).await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn rolls_back_at_whatever_poll_the_future_is_dropped() {
                let bed = $bed::new().await;
                for polls in 0..200 {
                    let call = bed.factory.scope(insert_and_fail(1));
                    let ended = testbed::polls::drop_at(polls, call).await;
                    if ended.is_some() {
                        assert!(polls > 0, "it takes more than one poll");
                        assert_clean(&bed, 0).await;
                        return;
                    }
                }
                panic!("never ended");
            }

            #[$test]
            async fn ok_or_nothing_at_whatever_poll_the_future_is_dropped() {
                let bed = $bed::new().await;
                let mut committed = 0;
                for polls in 0..200 {
                    let id = i32::try_from(polls).unwrap();
                    let call = bed.factory.scope(insert(id));
                    let ended = testbed::polls::drop_at(polls, call).await;
                    testbed::eventually(testbed::PATIENCE, "recovered", || async {
                        bed.factory.status().recovering == 0
                    })
                    .await;
                    let rows = bed.count().await;
                    match ended {
                        Some(result) => {
                            assert_eq!(result.unwrap(), id);
                            assert_eq!(rows, committed + 1, "Ok means committed");
                            return;
                        }
                        // Dropped during COMMIT: both outcomes are possible, and the caller got no
                        // `Ok`.
                        None => committed = rows,
                    }
                }
                panic!("never ended");
            }

            #[$test]
            async fn a_joined_function_ends_with_its_caller() {
                #[with_session]
                async fn both(db: &mut Session<$db>) -> Result<(), AppError> {
                    insert_in(db, 1).await?;
                    insert_in(db, 2).await?;
                    Err(AppError::Refused("both"))
                }
                let bed = $bed::new().await;
                bed.factory.scope(both()).await.unwrap_err();
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn a_session_inside_of_a_session_is_an_error_that_says_what_to_write() {
                #[with_session]
                async fn outer(_db: &mut Session<$db>) -> Result<(), AppError> {
                    insert(1).await?;
                    Ok(())
                }
                let bed = $bed::new().await;
                let error = bed.factory.scope(outer()).await.unwrap_err();
                assert!(
                    matches!(error, AppError::Session(SessionError::Nested(_))),
                    "{error:?}"
                );
                assert!(error.to_string().contains("insert_in(db, …)"), "{error}");
            }

            #[$test]
            async fn create_session_commits_only_when_told() {
                let bed = $bed::new().await;
                let mut db = bed.factory.create_session().await.unwrap();
                assert!(!db.in_transaction());
                insert_in(&mut db, 1).await.unwrap();
                assert!(db.in_transaction());
                db.commit().await.unwrap();
                assert!(!db.in_transaction());
                insert_in(&mut db, 2).await.unwrap();
                db.rollback().await.unwrap();
                insert_in(&mut db, 3).await.unwrap();
                drop(db);
                assert_clean(&bed, 1).await;
            }

            #[$test]
            async fn with_session_has_the_guarantees_of_the_attribute() {
                let bed = $bed::new().await;
                let id = bed
                    .factory
                    .with_session(async |db| insert_in(db, 1).await)
                    .await
                    .unwrap();
                assert_eq!(id, 1);
                let failed: Result<(), AppError> = bed
                    .factory
                    .with_session(async |db| {
                        insert_in(db, 2).await?;
                        Err(AppError::Refused("no"))
                    })
                    .await;
                failed.unwrap_err();
                assert_clean(&bed, 1).await;
            }

            #[$test]
            async fn with_session_can_be_spawned() {
                let bed = $bed::new().await;
                let factory = bed.factory.clone();
                let task = tokio::spawn(async move {
                    factory
                        .with_session(async |db| insert_in(db, 1).await)
                        .await
                });
                assert_eq!(task.await.unwrap().unwrap(), 1);
                let factory = bed.factory.clone();
                tokio::spawn(async move { factory.scope(insert(2)).await })
                    .await
                    .unwrap()
                    .unwrap();
                assert_clean(&bed, 2).await;
            }

            #[$test]
            async fn a_rolled_back_savepoint_leaves_the_rest() {
                let bed = $bed::new().await;
                bed.factory
                    .with_session(async |db| {
                        insert_in(db, 1).await?;
                        let refused: Result<(), AppError> = db
                            .savepoint(async |db| {
                                insert_in(db, 2).await?;
                                Err(AppError::Refused("inner"))
                            })
                            .await;
                        assert!(refused.is_err());
                        insert_in(db, 3).await
                    })
                    .await
                    .unwrap();
                assert_clean(&bed, 2).await;
            }

            #[$test]
            async fn a_failed_statement_in_a_savepoint_does_not_spoil_the_transaction() {
                let bed = $bed::new().await;
                bed.factory
                    .with_session(async |db| {
                        insert_in(db, 1).await?;
                        db.savepoint(async |db| insert_in(db, 1).await)
                            .await
                            .unwrap_err();
                        insert_in(db, 2).await
                    })
                    .await
                    .unwrap();
                assert_clean(&bed, 2).await;
            }

            #[$test]
            async fn diesels_transaction_inside_a_session_is_a_savepoint() {
                let bed = $bed::new().await;
                bed.factory
                    .with_session(async |db| {
                        insert_in(db, 1).await?;
                        let inner = db
                            .transaction(async |db| {
                                insert_in(db, 2).await?;
                                Err::<(), _>(AppError::Refused("inner"))
                            })
                            .await;
                        assert!(inner.is_err());
                        db.transaction(async |db| insert_in(db, 3).await).await?;
                        Ok::<_, AppError>(())
                    })
                    .await
                    .unwrap();
                assert_clean(&bed, 2).await;
            }

            #[$test]
            async fn a_transaction_dropped_half_way_is_rolled_back_and_the_rest_goes_on() {
                let bed = $bed::new().await;
                bed.factory
                    .with_session(async |db| {
                        insert_in(db, 1).await?;
                        let inner = db.transaction(async |db| {
                            insert_in(db, 2).await?;
                            std::future::pending::<()>().await;
                            Ok::<_, AppError>(())
                        });
                        tokio::time::timeout(Duration::from_millis(100), inner)
                            .await
                            .unwrap_err();
                        insert_in(db, 3).await
                    })
                    .await
                    .unwrap();
                assert_clean(&bed, 2).await;
            }

            #[$test]
            async fn set_rollback_only_is_never_an_ok() {
                let bed = $bed::new().await;
                let error = bed
                    .factory
                    .with_session(async |db| {
                        db.set_rollback_only();
                        insert_in(db, 1).await
                    })
                    .await
                    .unwrap_err();
                let AppError::Session(SessionError::Aborted(aborted)) = error else {
                    panic!("{error:?}");
                };
                assert!(matches!(aborted.reason(), AbortReason::RollbackOnly));
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn hooks_run_after_the_end_they_are_for() {
                let bed = $bed::new().await;
                let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
                for fail in [false, true] {
                    let sender = sender.clone();
                    let _: Result<(), AppError> = bed
                        .factory
                        .with_session(async move |db| {
                            let (committed, rolled_back) = (sender.clone(), sender.clone());
                            db.after_commit(async move { committed.send("committed").unwrap() });
                            db.after_rollback(async move {
                                rolled_back.send("rolled back").unwrap();
                            });
                            insert_in(db, 1 + i32::from(fail)).await?;
                            if fail {
                                Err(AppError::Refused("no"))
                            } else {
                                Ok(())
                            }
                        })
                        .await;
                }
                assert_eq!(events.recv().await, Some("committed"));
                assert_eq!(events.recv().await, Some("rolled back"));
                assert!(events.try_recv().is_err());
            }

            #[$test]
            async fn a_rollback_hook_runs_when_the_caller_is_dropped() {
                let bed = $bed::new().await;
                let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
                let (inserted, has_inserted) = tokio::sync::oneshot::channel();
                let call = bed.factory.with_session(async move |db| {
                    db.after_rollback(async move { sender.send("rolled back").unwrap() });
                    insert_in(db, 1).await?;
                    inserted.send(()).unwrap();
                    std::future::pending::<()>().await;
                    Ok::<_, AppError>(())
                });
                tokio::select! {
                    _ = call => panic!("the call ended by itself"),
                    inserted = has_inserted => inserted.unwrap(),
                }
                assert_eq!(events.recv().await, Some("rolled back"));
                assert_clean(&bed, 0).await;
            }

            #[$test]
            async fn load_stream_gives_the_rows() {
                use futures_util::TryStreamExt;
                let bed = $bed::new().await;
                let names: Vec<i32> = bed
                    .factory
                    .with_session(async |db| {
                        for id in 0..5 {
                            insert_in(db, id).await?;
                        }
                        let rows = items::table
                            .select(items::id)
                            .order(items::id)
                            .load_stream::<i32>(db)
                            .await?;
                        Ok::<_, AppError>(rows.try_collect().await?)
                    })
                    .await
                    .unwrap();
                assert_eq!(names, [0, 1, 2, 3, 4]);
            }
        }
    };
}
