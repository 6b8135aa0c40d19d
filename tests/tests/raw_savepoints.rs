//! Raw SQL that ends one of the session's savepoints: work to be undone is never kept behind an
//! `Ok`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb};

macro_rules! row_2 {
    (sqlite, $bed:ident) => {
        $bed.database.integer(ROW_2)
    };
    ($backend:ident, $bed:ident) => {
        $bed.database.integer(ROW_2).await
    };
}

const ROW_2: &str = "SELECT count(*) FROM items WHERE id = 2";

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::insert_in;

            async fn text(db: &mut Session<$db>, raw: bool, text: &str) -> Result<(), AppError> {
                if raw {
                    db.connection().await?.batch_execute(text).await?;
                } else {
                    db.batch_execute(text).await?;
                }
                Ok(())
            }

            /// A raw savepoint surrounds one of the session's, and is ended inside it, which ends
            /// the inner one too.
            async fn run(
                bed: &$bed,
                sql: &str,
                raw: bool,
                fails: bool,
                goes_on: bool,
            ) -> Result<(), AppError> {
                let body = async |db: &mut Session<$db>| {
                    insert_in(db, 1).await?;
                    text(db, raw, "SAVEPOINT a").await?;
                    let inner = async |db: &mut Session<$db>| {
                        insert_in(db, 2).await?;
                        let _hidden = text(db, raw, sql).await;
                        if fails {
                            Err(AppError::Refused("undo it"))
                        } else {
                            Ok(())
                        }
                    };
                    let _hidden = db.savepoint(inner).await;
                    if goes_on {
                        let _hidden = insert_in(db, 3).await;
                    }
                    Ok::<_, AppError>(())
                };
                bed.factory.with_session(body).await
            }

            #[tokio::test]
            async fn what_a_savepoint_was_to_undo_is_never_kept_where_raw_sql_ended_the_savepoint()
            {
                for raw in [false, true] {
                    for sql in [
                        "RELEASE SAVEPOINT a",
                        "RELEASE SAVEPOINT a; SELECT * FROM nosuch",
                        "RELEASE SAVEPOINT session_factory_1",
                        "ROLLBACK TO SAVEPOINT a",
                        "ROLLBACK TO SAVEPOINT a; SELECT * FROM nosuch",
                        "SELECT * FROM nosuch",
                    ] {
                        for goes_on in [false, true] {
                            let bed = $bed::new().await;
                            let result = run(&bed, sql, raw, true, goes_on).await;
                            let rows = row_2!($backend, bed);
                            let case = format!("{sql} {raw} {goes_on} {result:?}");
                            assert_eq!(rows, 0, "{case}");
                            if result.is_err() {
                                assert_eq!(bed.count().await, 0, "{case}");
                            }
                        }
                    }
                }
            }

            /// Texts with the savepoint names that a session would use without its token.
            #[tokio::test]
            async fn what_a_savepoint_was_to_undo_is_undone_behind_a_raw_savepoint_of_any_name() {
                for (outer, sql) in [
                    (false, "SAVEPOINT session_factory_1"),
                    (true, "SAVEPOINT session_factory_1"),
                    (true, "SAVEPOINT session_factory_2"),
                    (false, "ROLLBACK TO session_factory_1"),
                ] {
                    for way in ["batch", "query", "raw", "transaction"] {
                        let bed = $bed::new().await;
                        let inner = async |db: &mut Session<$db>| {
                            insert_in(db, 2).await?;
                            let _hidden = match way {
                                "query" => diesel::sql_query(sql).execute(db).await.map(drop)?,
                                way => text(db, way == "raw", sql).await?,
                            };
                            Err::<(), _>(AppError::Refused("undo it"))
                        };
                        let undone = async |db: &mut Session<$db>| {
                            if way == "transaction" {
                                db.transaction(inner).await
                            } else {
                                db.savepoint(inner).await
                            }
                        };
                        let result = bed.factory.with_session(async |db: &mut Session<$db>| {
                            insert_in(db, 1).await?;
                            let _hidden = if outer {
                                db.savepoint(undone).await
                            } else {
                                undone(db).await
                            };
                            Ok::<_, AppError>(())
                        });
                        let result = result.await;
                        let case = format!("{sql} {way} {outer} {result:?}");
                        assert_eq!(row_2!($backend, bed), 0, "{case}");
                        let kept = i64::from(result.is_ok());
                        assert_eq!(bed.count().await, kept, "{case}");
                    }
                }
            }

            #[tokio::test]
            async fn a_savepoint_that_raw_sql_ended_is_told_with_what_to_write() {
                // On the session only: on SQLite's raw connection, savepoints end with the loan.
                for (fails, goes_on) in [(true, false), (true, true), (false, true)] {
                    let bed = $bed::new().await;
                    let result = run(&bed, "RELEASE SAVEPOINT a", false, fails, goes_on).await;
                    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
                        panic!("{fails} {goes_on}: {result:?}")
                    };
                    let words = aborted.to_string();
                    for part in [
                        "session_factory_",
                        "SQL of the body's had ended a savepoint of the session's",
                        "write db.savepoint(…) in place of raw SAVEPOINT, RELEASE and ROLLBACK TO",
                    ] {
                        assert!(words.contains(part), "{words}");
                    }
                    assert_eq!(bed.count().await, 0, "{fails} {goes_on}");
                }
            }
        }
    };
}

suite!(postgres, PgDb, PgBed);
suite!(mysql, MyDb, MyBed);
suite!(sqlite, LiteDb, LiteBed);
