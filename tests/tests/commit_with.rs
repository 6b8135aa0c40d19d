//! `commit_with`: the last statement and COMMIT in one flight, as reliable as COMMIT alone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{AbortReason, Factory, Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb, items};
use testbed::proxy::{Action, Cut, Direction};

type Row = (
    diesel::dsl::Eq<items::id, i32>,
    diesel::dsl::Eq<items::name, &'static str>,
);

fn row(id: i32) -> Row {
    (items::id.eq(id), items::name.eq("x"))
}

macro_rules! on_every_backend {
    ($($module:ident: $bed:ident, $db:ident;)*) => {$(mod $module {
        use super::*;

        #[with_session]
        async fn insert(db: &mut Session<$db>, id: i32) -> Result<usize, SessionError> {
            db.commit_with(diesel::insert_into(items::table).values(row(id))).await
        }

        #[with_session]
        async fn insert_two(db: &mut Session<$db>, id: i32) -> Result<usize, SessionError> {
            diesel::insert_into(items::table).values(row(id)).execute(db).await?;
            insert_in(db, id + 1).await
        }

        #[tokio::test]
        async fn commits_and_gives_the_rows_that_changed() {
            let bed = $bed::new().await;
            assert_eq!(bed.factory.scope(insert(1)).await.unwrap(), 1);
            assert_eq!(bed.factory.scope(insert_two(2)).await.unwrap(), 1);
            assert_eq!(bed.count().await, 3);
            assert_eq!(bed.factory.status().recovering, 0);
        }

        #[tokio::test]
        async fn the_session_goes_on_with_another_transaction() {
            let bed = $bed::new().await;
            let mut db = bed.factory.create_session().await.unwrap();
            insert_two_in(&mut db, 1).await.unwrap();
            assert!(!db.in_transaction());
            assert_eq!(bed.count().await, 2);
            diesel::insert_into(items::table).values(row(3)).execute(&mut db).await.unwrap();
            db.close().await.unwrap();
            assert_eq!(bed.count().await, 2, "that one was not committed");
        }

        #[tokio::test]
        async fn a_failed_statement_commits_nothing_and_its_error_is_told() {
            let bed = $bed::new().await;
            bed.factory.scope(insert(2)).await.unwrap();
            let error = bed.factory.scope(insert_two(1)).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    SessionError::Query(diesel::result::Error::DatabaseError(
                        DatabaseErrorKind::UniqueViolation,
                        _
                    ))
                ),
                "{error:?}"
            );
            assert_eq!(bed.count().await, 1, "the statement before it went with it");
        }

        #[tokio::test]
        async fn a_body_that_swallows_the_error_does_not_return_ok() {
            let bed = $bed::new().await;
            bed.factory.scope(insert(2)).await.unwrap();
            let error = bed
                .factory
                .with_session(async |db| {
                    let _swallowed = insert_two_in(db, 1).await;
                    Ok::<_, AppError>(())
                })
                .await
                .unwrap_err();
            let AppError::Session(SessionError::Aborted(aborted)) = error else {
                panic!("{error:?}")
            };
            assert!(aborted.statement().is_some());
            assert_eq!(bed.count().await, 1);
        }

        #[tokio::test]
        async fn after_a_failure_the_session_waits_for_a_rollback() {
            let bed = $bed::new().await;
            bed.factory.scope(insert(2)).await.unwrap();
            let mut db = bed.factory.create_session().await.unwrap();
            insert_two_in(&mut db, 1).await.unwrap_err();
            let error = insert_in(&mut db, 5).await.unwrap_err();
            assert!(matches!(error, SessionError::Aborted(_)), "{error:?}");
            insert_two_in(&mut db, 1).await.unwrap_err();
            db.rollback().await.unwrap();
            assert_eq!(insert_in(&mut db, 5).await.unwrap(), 1);
            assert_eq!(bed.count().await, 2);
        }

        #[tokio::test]
        async fn an_open_savepoint_refuses_it_and_nothing_runs() {
            let bed = $bed::new().await;
            bed.factory
                .with_session(async |db| {
                    let inner = db.savepoint(async |db| insert_in(db, 1).await).await;
                    assert!(
                        matches!(inner, Err(SessionError::InSavepoint("commit_with"))),
                        "{inner:?}"
                    );
                    insert_in(db, 2).await
                })
                .await
                .unwrap();
            assert_eq!(bed.count().await, 1);
        }

        #[tokio::test]
        async fn rollback_only_refuses_it() {
            let bed = $bed::new().await;
            let error = bed
                .factory
                .with_session(async |db| {
                    db.set_rollback_only();
                    insert_in(db, 1).await
                })
                .await
                .unwrap_err();
            let SessionError::Aborted(aborted) = error else {
                panic!("{error:?}")
            };
            assert!(matches!(aborted.reason(), AbortReason::RollbackOnly));
            assert_eq!(bed.count().await, 0);
        }

        #[tokio::test]
        async fn hooks_run_by_the_outcome() {
            let bed = $bed::new().await;
            let notes = Notes::default();
            for (id, expected) in [(1, "commit"), (1, "rollback")] {
                let mut db = bed.factory.create_session().await.unwrap();
                notes.on(&mut db);
                assert_eq!(insert_in(&mut db, id).await.is_ok(), expected == "commit");
                assert_eq!(notes.taken(), [expected]);
            }
        }

        /// A dropped caller learns nothing; the hooks report the outcome, and the table agrees.
        #[tokio::test]
        async fn true_at_whatever_poll_the_future_is_dropped() {
            let bed = $bed::new().await;
            let mut committed = 0;
            for polls in 0..200 {
                // Each round has its own notes, because hooks run when the connection is back,
                // possibly later.
                let notes = Notes::default();
                let id = 2 * i32::try_from(polls).unwrap();
                let call = bed.factory.with_session(async |db| {
                    notes.on(db);
                    insert_two_in(db, id).await
                });
                let ended = testbed::polls::drop_at(polls, call).await;
                bed.at_rest().await;
                let before = std::mem::replace(&mut committed, bed.count().await);
                // Every hook holds a clone of the notes, until it has run or was dropped.
                testbed::eventually(testbed::PATIENCE, "the hooks are through", || async {
                    Arc::strong_count(&notes.0) == 1
                })
                .await;
                match notes.taken()[..] {
                    ["commit"] => assert_eq!(committed, before + 2, "at poll {polls}"),
                    ["rollback"] | [] => assert_eq!(committed, before, "at poll {polls}"),
                    ref more => panic!("{more:?}"),
                }
                if let Some(result) = ended {
                    assert_eq!(result.unwrap(), 1);
                    assert_eq!(committed, before + 2, "Ok means committed");
                    return;
                }
            }
            panic!("never ended");
        }

        #[tokio::test]
        async fn after_a_drop_nothing_runs_outside_of_a_transaction() {
            for polls in 0..200 {
                let bed = $bed::new().await;
                let mut db = bed.factory.create_session().await.unwrap();
                let call = insert_in(&mut db, 1);
                let ended = testbed::polls::drop_at(polls, call).await;
                if ended.is_some() {
                    return;
                }
                // It fails, or belongs to another transaction; it never runs in autocommit.
                let after = diesel::insert_into(items::table).values(row(2)).execute(&mut db).await;
                let rolled_back = db.rollback().await;
                assert!(rolled_back.is_ok(), "{rolled_back:?} after {after:?} at poll {polls}");
                drop(db);
                assert!(bed.count().await <= 1, "at poll {polls}: {after:?}");
                assert_eq!(row_two(&bed.factory).await, 0, "at poll {polls}: {after:?}");
            }
            panic!("never ended");
        }

        async fn row_two(factory: &Factory<$db>) -> i64 {
            factory
                .with_session(async |db| items::table.filter(items::id.eq(2)).count().get_result(db).await)
                .await
                .map_err(|error: diesel::result::Error| error)
                .unwrap()
        }
    })*};
}

on_every_backend! {
    postgres: PgBed, PgDb;
    mysql: MyBed, MyDb;
    sqlite: LiteBed, LiteDb;
}

/// The hooks that ran.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<&'static str>>>);

impl Notes {
    fn on<F: session_factory::SessionFactory>(&self, db: &mut Session<F>) {
        let (commit, rollback) = (self.clone(), self.clone());
        db.after_commit(async move { commit.0.lock().unwrap().push("commit") });
        db.after_rollback(async move { rollback.0.lock().unwrap().push("rollback") });
    }

    fn taken(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[with_session]
async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<usize, SessionError> {
    db.commit_with(diesel::insert_into(items::table).values(row(id)))
        .await
}

async fn one_connection() -> PgBed {
    PgBed::one_proxied_connection().await
}

#[tokio::test]
async fn commit_never_overtakes_a_statement_that_has_to_be_prepared() {
    for _ in 0..20 {
        let bed = one_connection().await;
        bed.factory.scope(insert(1)).await.unwrap();
        assert_eq!(bed.count().await, 1);
        let sql = bed.proxy().sql();
        let sent = |what: &str| sql.iter().position(|sql| sql.starts_with(what)).unwrap();
        assert!(sent("BEGIN") < sent("INSERT"), "{sql:?}");
        assert!(sent("INSERT") < sent("COMMIT"), "{sql:?}");
    }
}

#[derive(Debug, diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
struct Mood;

#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = Mood)]
struct Happy;

impl diesel::serialize::ToSql<Mood, diesel::pg::Pg> for Happy {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
    ) -> diesel::serialize::Result {
        std::io::Write::write_all(out, b"happy")?;
        Ok(diesel::serialize::IsNull::No)
    }
}

#[tokio::test]
async fn commit_never_overtakes_a_statement_whose_types_are_looked_up_first() {
    let bed = one_connection().await;
    bed.run("CREATE TYPE mood AS ENUM ('happy'); CREATE TABLE moods (mood mood)")
        .await;
    bed.proxy()
        .delay(Direction::ToClient, Duration::from_millis(80));
    for round in 1..4 {
        let mut db = bed.factory.create_session().await.unwrap();
        let insert = diesel::sql_query("INSERT INTO moods VALUES ($1)").bind::<Mood, _>(Happy);
        assert_eq!(db.commit_with(insert).await.unwrap(), 1);
        db.close().await.unwrap();
        let rows = bed.database.integer("SELECT count(*) FROM moods").await;
        assert_eq!(rows, round);
    }
    let sql = bed.proxy().sql();
    let sent = |what: &str| sql.iter().position(|sql| sql.starts_with(what)).unwrap();
    assert!(sent("INSERT INTO moods") < sent("COMMIT"), "{sql:?}");
}

#[tokio::test]
async fn a_refused_commit_is_an_error_and_nothing_is_kept() {
    let bed = PgBed::new().await;
    bed.run(
        "CREATE TABLE later (item int REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED, n int)",
    )
    .await;
    for _ in 0..3 {
        let error = bed
            .factory
            .with_session(async |db| {
                db.commit_with(diesel::sql_query("INSERT INTO later VALUES (7, 1)"))
                    .await
            })
            .await
            .unwrap_err();
        assert!(matches!(error, SessionError::Commit(_)), "{error:?}");
    }
    assert_eq!(bed.database.integer("SELECT count(*) FROM later").await, 0);
}

#[tokio::test]
async fn a_rollback_in_the_last_statement_is_never_an_ok() {
    let bed = PgBed::new().await;
    for _ in 0..3 {
        let result = bed
            .factory
            .with_session(async |db| {
                db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                    .await?;
                db.commit_with(diesel::sql_query("ROLLBACK")).await
            })
            .await;
        assert!(
            matches!(result, Err(SessionError::Aborted(_))),
            "{result:?}"
        );
    }
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn a_connection_lost_at_any_byte_is_ok_and_committed_or_an_error_that_is_true() {
    let bed = one_connection().await;
    // Prepares the statement, so that everything later is one flight.
    bed.factory.scope(insert(0)).await.unwrap();
    let (mut known, mut unknown) = (0, 0);
    for direction in [Direction::ToServer, Direction::ToClient] {
        for bytes in 0..200 {
            let id = i32::try_from(1 + bytes).unwrap() + 1000 * (direction as i32);
            let _connected_and_prepared = bed.factory.scope(insert(-id)).await.unwrap();
            let before = bed.count().await;
            bed.proxy()
                .arm(Cut::after(bytes, direction).action(Action::Reset));
            let result = bed.factory.scope(insert(id)).await;
            let struck = !bed.proxy().is_armed();
            bed.proxy().disarm();
            testbed::eventually(testbed::PATIENCE, "the server knows", || async {
                bed.database
                    .integer(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                         AND state <> 'idle' AND pid <> pg_backend_pid()",
                    )
                    .await
                    == 0
            })
            .await;
            let inserted = bed.count().await - before;
            match result {
                Ok(1) => assert_eq!(inserted, 1, "{direction:?} {bytes}"),
                Err(SessionError::CommitUnknown(_)) => unknown += 1,
                Err(_) => {
                    known += 1;
                    assert_eq!(inserted, 0, "{direction:?} {bytes}");
                }
                other => panic!("{other:?}"),
            }
            if !struck {
                break;
            }
        }
    }
    assert!(unknown > 0, "{known} known, {unknown} unknown");
}

#[tokio::test]
async fn a_deadline_that_passes_meanwhile_is_an_unknown_outcome() {
    let bed = one_connection().await;
    bed.factory.scope(insert(1)).await.unwrap();
    let notes = Notes::default();
    let error = bed
        .factory
        .session()
        .timeout(Duration::from_millis(300))
        .run(async |db| {
            notes.on(db);
            bed.proxy().hold(Direction::ToClient);
            insert_in(db, 2).await
        })
        .await
        .unwrap_err();
    bed.proxy().release(Direction::ToClient);
    assert!(matches!(error, SessionError::CommitUnknown(_)), "{error:?}");
    testbed::eventually(testbed::PATIENCE, "a hook has run", || async {
        !notes.0.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(notes.taken(), ["commit"]);
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn a_rollback_after_a_dropped_commit_says_what_the_server_did() {
    let bed = one_connection().await;
    bed.factory.scope(insert(1)).await.unwrap();
    let notes = Notes::default();
    let mut db = bed.factory.create_session().await.unwrap();
    notes.on(&mut db);
    bed.proxy().hold(Direction::ToClient);
    let call = insert_in(&mut db, 2);
    tokio::time::timeout(Duration::from_millis(200), call)
        .await
        .unwrap_err();
    let next = diesel::insert_into(items::table)
        .values(row(3))
        .execute(&mut db)
        .await;
    let next = SessionError::from(next.unwrap_err());
    assert!(matches!(next, SessionError::CommitUnknown(_)), "{next:?}");
    bed.proxy().release(Direction::ToClient);
    db.rollback().await.unwrap();
    assert_eq!(notes.taken(), ["commit"]);
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn around_a_pool_of_the_applications_it_is_as_true() {
    let bed = PgBed::new().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url());
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool);
    assert_eq!(factory.scope(insert(1)).await.unwrap(), 1);
    let error = factory.scope(insert(1)).await.unwrap_err();
    assert!(matches!(error, SessionError::Query(_)), "{error:?}");
    assert_eq!(factory.scope(insert(2)).await.unwrap(), 1);
    assert_eq!(bed.count().await, 2);
}
