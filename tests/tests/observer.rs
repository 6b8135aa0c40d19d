//! An observer receives each connection, statement and unit of work, with what became of it, on every backend.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use session_factory::observe::{
    Acquired, ConnectionChange, ConnectionEvent, Observer, Outcome, PoolKind, StatementOutcome,
    StatementReport, UnitReport,
};
use session_factory::{Session, SessionError, with_session};
use session_factory_tests::functions::{MY_CONFLICT, PG_CONFLICT};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb, items};
use testbed::proxy::{Action, Cut, Direction};

/// Keeps what it receives.
#[derive(Default)]
struct Kept {
    acquired: Mutex<Vec<Acquired>>,
    statements: Mutex<Vec<StatementReport>>,
    units: Mutex<Vec<UnitReport>>,
    connections: Mutex<Vec<ConnectionEvent>>,
}

impl Observer for Kept {
    fn acquired(&self, acquired: &Acquired) {
        self.acquired.lock().unwrap().push(*acquired);
    }
    fn statement(&self, statement: &StatementReport) {
        self.statements.lock().unwrap().push(statement.clone());
    }
    fn ended(&self, unit: &UnitReport) {
        self.units.lock().unwrap().push(unit.clone());
    }
    fn connection(&self, event: &ConnectionEvent) {
        self.connections.lock().unwrap().push(*event);
    }
}

impl Kept {
    /// The next unit of work that ends.
    async fn unit(&self) -> UnitReport {
        testbed::eventually(testbed::PATIENCE, "a unit of work ends", || async {
            !self.units.lock().unwrap().is_empty()
        })
        .await;
        let mut units = self.units.lock().unwrap();
        assert_eq!(units.len(), 1, "{units:?}");
        units.remove(0)
    }

    /// The unit in one line, and the statements that have ended so far.
    async fn shown(&self) -> (String, Vec<String>) {
        let unit = self.unit().await;
        let statements = std::mem::take(&mut *self.statements.lock().unwrap());
        let error = unit.error_type.as_deref().unwrap_or("-");
        let shown = format!(
            "{} {} {error} attempts={} statements={}",
            unit.caller.function,
            unit.outcome.as_str(),
            unit.attempts,
            unit.statements
        );
        let statement = |report: &StatementReport| {
            let outcome = match &report.outcome {
                StatementOutcome::Ran => "ran".to_owned(),
                StatementOutcome::Failed(error) => error.to_string(),
                other => format!("{other:?}"),
            };
            let rows = report.rows.map_or("-".to_owned(), |rows| rows.to_string());
            format!("{} {outcome} {rows}", report.summary())
        };
        (shown, statements.iter().map(statement).collect())
    }
}

/// What differs between the backends.
struct Words {
    /// The error type of a row that is there already, and of a conflict.
    unique: &'static str,
    conflict: &'static str,
    /// SQL that fails with a conflict.
    conflicts: Option<&'static str>,
}

const POSTGRES: Words = Words {
    unique: "23505",
    conflict: "40001",
    conflicts: Some(PG_CONFLICT),
};
const MYSQL: Words = Words {
    unique: "1062",
    conflict: "1213",
    conflicts: Some(MY_CONFLICT),
};
const SQLITE: Words = Words {
    unique: "unique_violation",
    conflict: "",
    conflicts: None,
};

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident, $words:expr) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::{at_once, hang, insert, insert_in, late, nested, nothing, panics, read};

            #[with_session]
            async fn refuse(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 10).await?;
                Err(AppError::Refused("no"))
            }

            #[with_session]
            async fn no_commit(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 16).await?;
                db.set_rollback_only();
                Ok(())
            }

            async fn bed() -> ($bed, Arc<Kept>) {
                let bed = $bed::with(|config| config.pool_size = 2).await;
                let kept = Arc::new(Kept::default());
                bed.factory.observe(kept.clone()).unwrap();
                (bed, kept)
            }

            async fn expect(kept: &Kept, unit: &str, statements: &[&str]) {
                let (shown, ran) = kept.shown().await;
                assert_eq!(shown, unit);
                assert_eq!(ran, statements, "of {unit}");
            }

            #[tokio::test]
            async fn each_way_to_end_is_reported_with_its_outcome_and_its_statements() {
                let (bed, kept) = bed().await;
                let scope = &bed.factory;
                let insert_ran = "INSERT items ran 1";

                scope.scope(insert(1)).await.unwrap();
                let ok = "insert committed - attempts=1 statements=1";
                expect(&kept, ok, &[insert_ran]).await;

                assert_eq!(scope.scope(read()).await.unwrap(), 1);
                let ok = "read committed - attempts=1 statements=1";
                expect(&kept, ok, &["SELECT items ran 1"]).await;

                scope.scope(nothing()).await.unwrap();
                expect(&kept, "nothing nothing - attempts=1 statements=0", &[]).await;

                scope.scope(insert(1)).await.unwrap_err();
                let unique = $words.unique;
                let failed = format!("insert rolled_back {unique} attempts=1 statements=1");
                let ran = format!("INSERT items {unique} -");
                expect(&kept, &failed, &[&ran]).await;

                scope.scope(refuse()).await.unwrap_err();
                let refused = "refuse rolled_back _OTHER attempts=1 statements=1";
                expect(&kept, refused, &[insert_ran]).await;

                let call = std::panic::AssertUnwindSafe(scope.scope(panics()));
                call.catch_unwind().await.unwrap_err();
                let panicked = "panics rolled_back panic attempts=1 statements=1";
                expect(&kept, panicked, &[insert_ran]).await;

                let call = scope.scope(hang());
                let dropped = tokio::time::timeout(Duration::from_millis(200), call).await;
                dropped.unwrap_err();
                let cancelled = "hang rolled_back cancelled attempts=1 statements=1";
                expect(&kept, cancelled, &[insert_ran]).await;

                scope.scope(late()).await.unwrap_err();
                let timeout = "late rolled_back timeout attempts=1 statements=1";
                expect(&kept, timeout, &[insert_ran]).await;

                scope.scope(nested()).await.unwrap();
                let savepoint = "nested committed - attempts=1 statements=2";
                expect(&kept, savepoint, &[insert_ran, insert_ran]).await;

                scope.scope(at_once()).await.unwrap();
                let at_once = "at_once committed - attempts=1 statements=1";
                expect(&kept, at_once, &["UPDATE items ran 1"]).await;

                scope.scope(no_commit()).await.unwrap_err();
                let aborted = "no_commit aborted aborted attempts=1 statements=1";
                expect(&kept, aborted, &[insert_ran]).await;
            }

            #[tokio::test]
            async fn a_session_by_hand_is_a_unit_of_work() {
                let (bed, kept) = bed().await;
                let mut db = bed.factory.create_session().await.unwrap();
                insert_in(&mut db, 1).await.unwrap();
                db.commit().await.unwrap();
                drop(db);
                let unit = kept.unit().await;
                assert_eq!(unit.outcome, Outcome::Committed);
                assert_eq!(unit.error_type, None);
                assert_eq!(unit.caller.function, "create_session");
                assert!(unit.caller.file.ends_with("observer.rs"), "{}", unit.caller);

                let mut db = bed.factory.create_session().await.unwrap();
                insert_in(&mut db, 2).await.unwrap();
                db.rollback().await.unwrap();
                db.close().await.unwrap();
                let unit = kept.unit().await;
                assert_eq!(unit.outcome, Outcome::RolledBack);
                assert_eq!(unit.error_type, None);
            }

            #[tokio::test]
            async fn a_retried_call_is_one_unit_of_all_its_attempts() {
                let (bed, kept) = bed().await;
                let Some(conflicts) = $words.conflicts else {
                    // See `on_sqlite_a_busy_database_is_reported`.
                    return;
                };
                let retried = bed.factory.session().retry(3).run(async |db| {
                    if db.attempt() < 3 {
                        db.batch_execute(conflicts).await?;
                    }
                    insert_in(db, 1).await
                });
                retried.await.unwrap();
                let conflict = $words.conflict;
                let (shown, ran) = kept.shown().await;
                assert_eq!(shown, "session committed - attempts=3 statements=3");
                assert_eq!(ran.len(), 3);
                for failed in &ran[..2] {
                    assert!(failed.ends_with(&format!(" {conflict} -")), "{failed}");
                }
                assert_eq!(ran[2], "INSERT items ran 1");
                let acquired = kept.acquired.lock().unwrap();
                assert_eq!(acquired.len(), 3, "{acquired:?}");
            }

            #[tokio::test]
            async fn a_call_without_a_connection_is_a_unit_too() {
                let bed = $bed::with(|config| {
                    config.pool_size = 1;
                    config.max_overflow = 0;
                    config.pool_timeout = Duration::from_secs(2);
                });
                let bed = bed.await;
                let kept = Arc::new(Kept::default());
                bed.factory.observe(kept.clone()).unwrap();
                let holder = bed.factory.create_session().await.unwrap();
                bed.factory.scope(nothing()).await.unwrap_err();
                let without = "nothing nothing acquire attempts=0 statements=0";
                expect(&kept, without, &[]).await;
                drop(holder);
            }

            #[tokio::test]
            async fn a_connection_is_reported_as_created_once_and_as_reused_then() {
                let (bed, kept) = bed().await;
                for id in 1..4 {
                    bed.factory.scope(insert(id)).await.unwrap();
                    testbed::eventually(testbed::PATIENCE, "it is back", || async {
                        bed.factory.status().in_use == 0
                    })
                    .await;
                }
                let acquired = kept.acquired.lock().unwrap();
                let created: Vec<_> = acquired.iter().map(|one| one.created).collect();
                assert_eq!(created, [true, false, false]);
                assert!(acquired.iter().all(|one| one.pool == PoolKind::Primary));
                assert_eq!(acquired[0].caller.to_string().split(' ').next(), {
                    Some(concat!(stringify!($db), ".insert"))
                });
                let events = kept.connections.lock().unwrap();
                let changes: Vec<_> = events.iter().map(|event| event.change).collect();
                assert_eq!(changes, [ConnectionChange::Opened]);
                assert!(events[0].took > Duration::ZERO);
            }

            #[tokio::test]
            async fn no_report_holds_a_value() {
                let (bed, kept) = bed().await;
                bed.factory.scope(insert(1)).await.unwrap();
                bed.factory.scope(insert(1)).await.unwrap_err();
                let raw = bed.factory.with_session(async |db| {
                    let script = "UPDATE items SET name = 'hunter2' WHERE name = 'hunter2'";
                    db.batch_execute(script).await?;
                    diesel::sql_query("DELETE FROM items WHERE name = 'hunter2' /* hunter2 */")
                        .execute(db)
                        .await?;
                    Ok::<_, AppError>(())
                });
                raw.await.unwrap();
                let statements = kept.statements.lock().unwrap();
                assert_eq!(statements.len(), 4);
                for statement in statements.iter() {
                    let all = format!("{statement:?} {} {}", statement.text(), statement.summary());
                    assert!(!all.contains("hunter2"), "{all}");
                    assert!(statement.text().contains("items"), "{all}");
                }
                assert!(statements[2].is_script());
                assert_eq!(statements[3].summary(), "DELETE items");
            }

            #[tokio::test]
            async fn an_observer_that_panics_harms_nothing() {
                struct Panics;
                impl Observer for Panics {
                    fn acquired(&self, _: &Acquired) {
                        panic!("acquired");
                    }
                    fn statement(&self, _: &StatementReport) {
                        panic!("statement");
                    }
                    fn ended(&self, _: &UnitReport) {
                        panic!("ended");
                    }
                    fn connection(&self, _: &ConnectionEvent) {
                        panic!("connection");
                    }
                }
                let bed = $bed::new().await;
                bed.factory.observe(Arc::new(Panics)).unwrap();
                let kept = Arc::new(Kept::default());
                // The one behind it receives everything all the same.
                bed.factory.observe(kept.clone()).unwrap();
                for id in 1..20 {
                    bed.factory.scope(insert(id)).await.unwrap();
                    kept.unit().await;
                }
                assert_eq!(bed.count().await, 19);
                assert_eq!(kept.statements.lock().unwrap().len(), 19);
            }

            #[tokio::test]
            async fn an_observer_that_comes_after_the_first_session_is_refused() {
                let bed = $bed::new().await;
                bed.factory.scope(nothing()).await.unwrap();
                let late = bed.factory.observe(Arc::new(Kept::default()));
                let name = stringify!($db);
                assert_eq!(
                    late.unwrap_err().to_string(),
                    format!(
                        "{name} has opened a session already, so the observer was not added: it would have missed what \
                         came before; call {name}::observe() before anything else uses {name}, or \
                         Factory::observed_by() where the factory is made"
                    )
                );
            }
        }
    };
}

suite!(postgres, PgDb, PgBed, POSTGRES);
suite!(mysql, MyDb, MyBed, MYSQL);
suite!(sqlite, LiteDb, LiteBed, SQLITE);

#[tokio::test]
async fn on_sqlite_a_busy_database_is_reported() {
    let bed = LiteBed::new().await;
    let kept = Arc::new(Kept::default());
    bed.factory.observe(kept.clone()).unwrap();
    let mut other = SqliteConnection::establish(&bed.database.url()).unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE").unwrap();
    let lock = Mutex::new(Some(other));
    let call = bed.factory.session().retry(1).run(async |db| {
        // BEGIN waits five seconds for another process's lock before it gives up.
        if db.attempt() > 1 {
            drop(lock.lock().unwrap().take());
        }
        items::table.count().get_result::<i64>(db).await?;
        Ok::<_, AppError>(())
    });
    call.await.unwrap();
    let (shown, ran) = kept.shown().await;
    assert_eq!(shown, "session committed - attempts=2 statements=2");
    assert_eq!(
        ran,
        ["SELECT items serialization_failure -", "SELECT items ran 1"]
    );
}

#[tokio::test]
async fn an_unknown_commit_is_reported_as_unknown() {
    let bed = PgBed::proxied(|_| {}).await;
    let kept = Arc::new(Kept::default());
    bed.factory.observe(kept.clone()).unwrap();
    let unknown = bed.factory.with_session(async |db| {
        let value = (items::id.eq(1), items::name.eq("hunter2"));
        let insert = diesel::insert_into(items::table).values(value);
        insert.execute(db).await?;
        // COMMIT arrives, its answer does not.
        let cut = Cut::after(0, Direction::ToClient).action(Action::Reset);
        bed.proxy().arm(cut);
        Ok::<_, AppError>(())
    });
    let error = unknown.await.unwrap_err();
    assert!(matches!(
        error,
        AppError::Session(SessionError::CommitUnknown(_))
    ));
    let unit = kept.unit().await;
    assert_eq!(unit.outcome, Outcome::Unknown);
    assert_eq!(unit.error_type.as_deref(), Some("commit_unknown"));
    assert!(unit.committing > Duration::ZERO);
    testbed::eventually(testbed::PATIENCE, "it is closed", || async {
        let events = kept.connections.lock().unwrap();
        let condemned = |event: &ConnectionEvent| event.change == ConnectionChange::Condemned;
        events.iter().any(condemned)
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_reported_with_its_kind() {
    let config = session_factory_tests::pg_config("postgres://app@127.0.0.1:1/app", |config| {
        config.pool_timeout = Duration::from_secs(5);
    });
    let kept = Arc::new(Kept::default());
    let factory = session_factory::Factory::<PgDb>::new(config).observed_by(kept.clone());
    factory.create_session().await.unwrap_err();
    let failed: Vec<_> = {
        let events = kept.connections.lock().unwrap();
        events.iter().map(|event| event.change.as_str()).collect()
    };
    assert!(
        failed.iter().all(|change| *change == "failed"),
        "{failed:?}"
    );
    assert!(!failed.is_empty());
    let unit = kept.unit().await;
    assert_eq!(unit.error_type.as_deref(), Some("connect"));
}

#[tokio::test]
async fn a_dropped_statement_and_what_the_recovery_does_are_reported() {
    let bed = PgBed::new().await;
    let kept = Arc::new(Kept::default());
    bed.factory.observe(kept.clone()).unwrap();
    let call = bed.factory.with_session(async |db| {
        diesel::sql_query("SELECT pg_sleep(60), 'hunter2'")
            .execute(db)
            .await?;
        Ok::<_, AppError>(())
    });
    let dropped = tokio::time::timeout(Duration::from_millis(300), call).await;
    dropped.unwrap_err();
    let (shown, ran) = kept.shown().await;
    assert_eq!(
        shown,
        "with_session rolled_back cancelled attempts=1 statements=1"
    );
    assert_eq!(ran, ["SELECT Dropped -"]);
    let changes: Vec<_> = kept
        .connections
        .lock()
        .unwrap()
        .iter()
        .map(|event| event.change)
        .collect();
    assert_eq!(
        changes,
        [ConnectionChange::Opened, ConnectionChange::Cancelled]
    );
}
