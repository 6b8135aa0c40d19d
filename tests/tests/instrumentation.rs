//! The events of a session's instrumentation: in order, once each, as from diesel-async's own
//! connections.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::backend::DieselReserveSpecialization;
use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager as _};
use session_factory::driver::Driver;
use session_factory::{Session, SessionError, SessionFactory};
use session_factory_tests::{AppError, LiteBed, MyBed, PgBed, PgDb, items, without_token};
use testbed::eventually;

/// Records the events.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// The events since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Like `take`, without the events of caching: PostgreSQL keeps a repeated text prepared.
    fn take_uncached(&self) -> Vec<String> {
        let mut told = self.take();
        told.retain(|event| event != "cache");
        told
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let line = match event {
            InstrumentationEvent::StartQuery { query, .. } => format!("start {query}"),
            InstrumentationEvent::CacheQuery { .. } => "cache".to_owned(),
            InstrumentationEvent::FinishQuery { query, error, .. } => match error {
                None => format!("finish {query}"),
                Some(error) => format!("finish {query}: {error}"),
            },
            InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
            InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
            InstrumentationEvent::RollbackTransaction { depth, .. } => format!("roll back {depth}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(without_token(&line));
    }
}

const SOON: Duration = Duration::from_secs(20);

/// The events of one statement.
fn ran(text: &str) -> [String; 2] {
    [format!("start {text}"), format!("finish {text}")]
}

/// The events of a change of the transaction. An empty text means that nothing is sent.
fn changed(change: &str, text: &str) -> Vec<String> {
    let mut events = vec![change.to_owned()];
    if !text.is_empty() {
        events.extend(ran(text));
    }
    events
}

fn savepoint(level: u32) -> String {
    format!("SAVEPOINT session_factory_{level}")
}

fn release(level: u32) -> String {
    format!("RELEASE {}", savepoint(level))
}

fn roll_back_to(level: u32) -> String {
    format!("ROLLBACK TO {}; {}", savepoint(level), release(level))
}

/// A session with a recorder, in a transaction that has begun, unless `fresh`.
async fn recorded<F: Db>(db: &mut Session<F>) -> Recorder {
    db.batch_execute("SELECT 0").await.unwrap();
    let recorder = Recorder::default();
    db.set_instrumentation(recorder.clone());
    recorder
}

/// A backend's own SQL.
#[derive(Clone, Copy)]
struct Words {
    begin: &'static str,
    /// A slow statement.
    slow: &'static str,
}

const POSTGRES: Words = Words {
    begin: "BEGIN",
    slow: "SELECT pg_sleep(0.3)",
};
/// MariaDB, where the first statement begins the transaction.
const MARIADB: Words = Words {
    begin: "",
    slow: "SELECT SLEEP(0.3)",
};
const SQLITE: Words = Words {
    begin: "BEGIN IMMEDIATE",
    slow: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT count(*) FROM n",
};

/// The same tests on each backend.
macro_rules! on_each_backend {
    ($($name:ident)*) => {
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let bed = PgBed::one_connection().await;
                super::$name(&bed.factory, POSTGRES).await;
            })*
        }
        mod mariadb {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let bed = MyBed::one_connection().await;
                super::$name(&bed.factory, MARIADB).await;
            })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let bed = LiteBed::one_connection().await;
                super::$name(&bed.factory, SQLITE).await;
            })*
        }
    };
}

on_each_backend! {
    a_statement_comes_after_the_begin_that_goes_ahead_of_it
    a_commit_and_a_rollback_are_told_with_their_texts
    each_savepoint_has_its_events_at_its_own_depth
    a_rollback_to_a_savepoint_adds_no_empty_text
    a_failed_statement_tells_of_itself_alone
    a_session_that_is_dropped_tells_of_its_rollback
    what_the_pool_runs_is_not_told
    an_instrumentation_comes_back_to_whoever_asks_for_it
    an_instrumentation_that_panics_at_the_end_costs_nobody_a_row
    the_last_statement_tells_of_itself_and_then_of_the_commit
    the_raw_connection_tells_of_what_runs_on_it
    one_that_is_set_behind_a_dropped_statement_is_told
    an_empty_savepoint_that_nobody_watches_sends_nothing
    a_session_is_a_transaction_to_those_who_ask_for_its_depth
    whoever_asks_is_told_that_the_transaction_cannot_go_on
    a_test_transaction_is_no_broken_one
}

type Manager<F> = <Session<F> as AsyncConnection>::TransactionManager;
type Of<F> = session_factory::Factory<F>;

/// Any backend that accepts a text as a query.
trait Db: SessionFactory<Driver: Driver<Backend: DieselReserveSpecialization>> {}
impl<F: SessionFactory<Driver: Driver<Backend: DieselReserveSpecialization>>> Db for F {}

async fn a_statement_comes_after_the_begin_that_goes_ahead_of_it<F: Db>(
    factory: &Of<F>,
    Words { begin, .. }: Words,
) {
    let recorder = Recorder::default();
    // The second time, the connection has run this BEGIN before, so it travels with the statement.
    for _ in 0..2 {
        let mut db = factory.create_session().await.unwrap();
        db.set_instrumentation(recorder.clone());
        assert_eq!(recorder.take(), [""; 0]);
        db.batch_execute("SELECT 1").await.unwrap();
        assert_eq!(
            recorder.take(),
            [changed("begin 1", begin), ran("SELECT 1").into()].concat()
        );
        diesel::sql_query("SELECT 2")
            .execute(&mut db)
            .await
            .unwrap();
        let told = recorder.take_uncached();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("start SELECT 2"), "{told:?}");
        assert!(told[1].starts_with("finish SELECT 2"), "{told:?}");
        db.commit().await.unwrap();
        assert_eq!(recorder.take(), changed("commit 1", "COMMIT"));
        diesel::sql_query("SELECT 3")
            .execute(&mut db)
            .await
            .unwrap();
        let told = recorder.take_uncached();
        let begun = changed("begin 1", begin);
        assert_eq!(told[..begun.len()], begun);
        assert!(told[begun.len()].starts_with("start SELECT 3"), "{told:?}");
        assert!(
            told[begun.len() + 1].starts_with("finish SELECT 3"),
            "{told:?}"
        );
        db.rollback().await.unwrap();
        assert_eq!(recorder.take(), changed("roll back 1", "ROLLBACK"));
    }
}

async fn a_commit_and_a_rollback_are_told_with_their_texts<F: Db>(factory: &Of<F>, _words: Words) {
    let recorder = Arc::new(Mutex::new(Recorder::default()));
    for keep in [true, false] {
        let told = Arc::clone(&recorder);
        let ended = factory
            .with_session(async move |db| {
                *told.lock().unwrap() = recorded(db).await;
                if keep {
                    Ok(())
                } else {
                    Err(AppError::Refused("no"))
                }
            })
            .await;
        assert_eq!(ended.is_ok(), keep);
        let recorder = recorder.lock().unwrap().clone();
        let end = if keep {
            changed("commit 1", "COMMIT")
        } else {
            changed("roll back 1", "ROLLBACK")
        };
        eventually(SOON, "the end is told", async || {
            recorder.len() == end.len()
        })
        .await;
        assert_eq!(recorder.take(), end);
    }
}

async fn each_savepoint_has_its_events_at_its_own_depth<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    db.transaction(async |_| Ok::<_, Error>(())).await.unwrap();
    let (first, second) = (savepoint(1), savepoint(2));
    let outer = [changed("begin 2", &first), changed("commit 2", &release(1))];
    assert_eq!(recorder.take(), outer.concat());
    db.savepoint(async |db| {
        db.batch_execute("SELECT 1").await?;
        db.transaction(async |db| db.batch_execute("SELECT 2").await)
            .await?;
        let refused = db.savepoint(async |_| Err::<(), _>(AppError::Refused("no")));
        assert!(refused.await.is_err());
        Ok::<_, AppError>(())
    })
    .await
    .unwrap();
    let inner = [
        changed("begin 2", &first),
        ran("SELECT 1").into(),
        changed("begin 3", &second),
        ran("SELECT 2").into(),
        changed("commit 3", &release(2)),
        changed("begin 3", &second),
        changed("roll back 3", &roll_back_to(2)),
        changed("commit 2", &release(1)),
    ];
    assert_eq!(recorder.take(), inner.concat());
    db.commit().await.unwrap();
    assert_eq!(recorder.take(), changed("commit 1", "COMMIT"));
}

async fn a_rollback_to_a_savepoint_adds_no_empty_text<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    let refused = db.transaction(async |db| {
        db.batch_execute("SELECT 1").await?;
        Err::<(), _>(Error::RollbackTransaction)
    });
    assert_eq!(refused.await, Err(Error::RollbackTransaction));
    let told = [
        changed("begin 2", &savepoint(1)),
        ran("SELECT 1").into(),
        changed("roll back 2", &roll_back_to(1)),
    ];
    assert_eq!(recorder.take(), told.concat());
}

async fn a_failed_statement_tells_of_itself_alone<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    db.batch_execute("SELECT * FROM nowhere").await.unwrap_err();
    let told = recorder.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "start SELECT * FROM nowhere");
    assert!(
        told[1].starts_with("finish SELECT * FROM nowhere: "),
        "{told:?}"
    );
    db.rollback().await.unwrap();
    assert_eq!(recorder.take(), changed("roll back 1", "ROLLBACK"));
}

async fn a_session_that_is_dropped_tells_of_its_rollback<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    let mut pending = Box::pin(db.transaction(async |db| {
        db.batch_execute("SELECT 1").await?;
        std::future::pending::<Result<(), Error>>().await
    }));
    while recorder.len() < 5 {
        let _pending = futures_util::poll!(&mut pending);
        tokio::task::yield_now().await;
    }
    drop(pending);
    drop(db);
    let told = [
        changed("begin 2", &savepoint(1)),
        ran("SELECT 1").into(),
        vec!["roll back 2".to_owned()],
        changed("roll back 1", "ROLLBACK"),
    ]
    .concat();
    eventually(SOON, "the rollback is told", async || {
        recorder.len() >= told.len()
    })
    .await;
    assert_eq!(recorder.take(), told);
}

async fn what_the_pool_runs_is_not_told<F: Db>(factory: &Of<F>, Words { begin, .. }: Words) {
    // The next borrower gets its own events only, even after a reset.
    let recorder = Recorder::default();
    for _ in 0..3 {
        let mut db = factory.create_session().await.unwrap();
        db.set_instrumentation(recorder.clone());
        db.connection().await.unwrap();
        assert_eq!(recorder.take(), changed("begin 1", begin));
        db.close().await.unwrap();
        assert_eq!(recorder.take(), changed("roll back 1", "ROLLBACK"));
        let mut other = factory.create_session().await.unwrap();
        other.batch_execute("SELECT 1").await.unwrap();
        other.commit().await.unwrap();
        assert_eq!(recorder.take(), [""; 0]);
    }
}

async fn an_instrumentation_comes_back_to_whoever_asks_for_it<F: Db>(
    factory: &Of<F>,
    Words { begin, .. }: Words,
) {
    let mut db = factory.create_session().await.unwrap();
    // Boxed twice, as generic code may do.
    let boxed: Box<dyn Instrumentation> = Box::new(Recorder::default());
    db.set_instrumentation(boxed);
    let mine = |db: &mut Session<F>| {
        let instrumentation = db.instrumentation();
        instrumentation.downcast_mut::<Recorder>().unwrap().take()
    };
    assert_eq!(mine(&mut db), [""; 0]);
    db.batch_execute("SELECT 1").await.unwrap();
    let told = [changed("begin 1", begin), ran("SELECT 1").into()].concat();
    assert_eq!(mine(&mut db), told);
    assert_eq!(mine(&mut db), [""; 0]);
    db.commit().await.unwrap();
    assert_eq!(mine(&mut db), changed("commit 1", "COMMIT"));
}

async fn an_instrumentation_that_panics_at_the_end_costs_nobody_a_row<F: Db>(
    factory: &Of<F>,
    _words: Words,
) {
    for (id, keep) in [(1, true), (2, false), (3, true)] {
        let ended = factory
            .with_session(async move |db| {
                db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
                    .await?;
                db.set_instrumentation(|event: InstrumentationEvent<'_>| panic!("at {event:?}"));
                if keep {
                    Ok(())
                } else {
                    Err(AppError::Refused("no"))
                }
            })
            .await;
        assert_eq!(ended.is_ok(), keep);
    }
    for (id, is_there) in [(1, true), (2, false), (3, true)] {
        let mut db = factory.create_session().await.unwrap();
        let again = db
            .batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
            .await;
        assert_eq!(again.is_err(), is_there, "{again:?}");
    }
}

async fn the_last_statement_tells_of_itself_and_then_of_the_commit<F: Db>(
    factory: &Of<F>,
    Words { begin, .. }: Words,
) {
    for _ in 0..3 {
        let mut db = factory.create_session().await.unwrap();
        let recorder = Recorder::default();
        db.set_instrumentation(recorder.clone());
        let statement = diesel::sql_query("DELETE FROM items");
        db.commit_with(statement).await.unwrap();
        let told = recorder.take_uncached();
        let begun = changed("begin 1", begin);
        assert_eq!(told[..begun.len()], begun);
        let rest = &told[begun.len()..];
        assert!(rest[0].starts_with("start DELETE FROM items"), "{told:?}");
        assert!(rest[1].starts_with("finish DELETE FROM items"), "{told:?}");
        assert_eq!(rest[2..], changed("commit 1", "COMMIT"));
    }
}

async fn the_raw_connection_tells_of_what_runs_on_it<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    let raw = db.connection().await.unwrap();
    raw.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(recorder.take(), ran("SELECT 1"));
    // An instrumentation that is set on the raw connection replaces the session's.
    let other = Recorder::default();
    let raw = db.connection().await.unwrap();
    raw.set_instrumentation(other.clone());
    raw.batch_execute("SELECT 2").await.unwrap();
    assert_eq!(other.take(), ran("SELECT 2"));
    assert_eq!(recorder.take(), [""; 0]);
}

async fn one_that_is_set_behind_a_dropped_statement_is_told<F: Db>(
    factory: &Of<F>,
    Words { slow, .. }: Words,
) {
    let mut db = factory.create_session().await.unwrap();
    db.batch_execute("SELECT 0").await.unwrap();
    {
        let mut dropped = Box::pin(db.batch_execute(slow));
        assert!(futures_util::poll!(&mut dropped).is_pending());
    }
    let recorder = Recorder::default();
    db.set_instrumentation(recorder.clone());
    assert!(db.instrumentation().downcast_ref::<Recorder>().is_some());
    db.rollback().await.unwrap();
    assert_eq!(recorder.take(), changed("roll back 1", "ROLLBACK"));
}

async fn an_empty_savepoint_that_nobody_watches_sends_nothing<F: Db>(
    factory: &Of<F>,
    _words: Words,
) {
    let mut db = factory.create_session().await.unwrap();
    db.transaction(async |_| Ok::<_, Error>(())).await.unwrap();
    assert!(!db.in_transaction());
}

fn depth<F: Db>(db: &mut Session<F>) -> Result<Option<u32>, Error> {
    let depth = Manager::<F>::transaction_manager_status_mut(db).transaction_depth();
    depth.map(|depth| depth.map(NonZeroU32::get))
}

async fn a_session_is_a_transaction_to_those_who_ask_for_its_depth<F: Db>(
    factory: &Of<F>,
    _words: Words,
) {
    let mut db = factory.create_session().await.unwrap();
    // The next statement begins the transaction.
    assert_eq!(depth(&mut db), Ok(Some(1)));
    assert!(!Manager::<F>::is_broken_transaction_manager(&mut db));
    db.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
    // As with diesel-async: a pool would have to close the connection.
    assert!(Manager::<F>::is_broken_transaction_manager(&mut db));
    db.transaction(async |db| {
        assert_eq!(depth(db), Ok(Some(2)));
        db.savepoint(async |db| {
            assert_eq!(depth(db), Ok(Some(3)));
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
        assert_eq!(depth(db), Ok(Some(2)));
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    // Begins a transaction by hand.
    Manager::<F>::begin_transaction(&mut db).await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(2)));
    Manager::<F>::rollback_transaction(&mut db).await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
    let none = Manager::<F>::commit_transaction(&mut db).await.unwrap_err();
    let none = SessionError::from(none);
    assert!(
        matches!(none, SessionError::NotBegun("commit_transaction")),
        "{none:?}"
    );
    db.rollback().await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
    assert!(!Manager::<F>::is_broken_transaction_manager(&mut db));
    let raw = db.connection().await.unwrap();
    raw.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
}

async fn whoever_asks_is_told_that_the_transaction_cannot_go_on<F: Db>(
    factory: &Of<F>,
    Words { begin, slow }: Words,
) {
    let mut db = factory.create_session().await.unwrap();
    db.batch_execute("SELECT 1").await.unwrap();
    {
        let mut dropped = Box::pin(db.batch_execute(slow));
        assert!(futures_util::poll!(&mut dropped).is_pending());
    }
    assert!(Manager::<F>::is_broken_transaction_manager(&mut db));
    let has_to_be_rolled_back = |db: &mut Session<F>| {
        let status = Manager::<F>::transaction_manager_status_mut(db);
        let inside = status.transaction_state().unwrap().in_transaction.as_ref();
        inside.unwrap().requires_rollback_maybe_up_to_top_level
    };
    assert!(has_to_be_rolled_back(&mut db));
    db.rollback().await.unwrap();
    if begin.is_empty() {
        // MariaDB's connection is lost together with the statement.
        assert!(Manager::<F>::is_broken_transaction_manager(&mut db));
        return;
    }
    assert!(!has_to_be_rolled_back(&mut db));
    assert!(!Manager::<F>::is_broken_transaction_manager(&mut db));
    // A caller that marks it broken keeps that mark.
    Manager::<F>::transaction_manager_status_mut(&mut db).set_in_error();
    assert!(Manager::<F>::is_broken_transaction_manager(&mut db));
    assert!(matches!(
        depth(&mut db),
        Err(Error::BrokenTransactionManager)
    ));
}

async fn a_test_transaction_is_no_broken_one<F: Db>(factory: &Of<F>, _words: Words) {
    let mut db = factory.create_session().await.unwrap();
    db.begin_test_transaction().await.unwrap();
    db.batch_execute("INSERT INTO items VALUES (1, 'test')")
        .await
        .unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
    assert!(!Manager::<F>::is_broken_transaction_manager(&mut db));
    db.commit().await.unwrap_err();
    // The next statement runs outside the transaction.
    db.batch_execute("INSERT INTO items VALUES (1, 'kept')")
        .await
        .unwrap();
    assert!(Manager::<F>::is_broken_transaction_manager(&mut db));
    db.commit().await.unwrap();
    let kept = db
        .batch_execute("INSERT INTO items VALUES (1, 'again')")
        .await;
    assert!(
        matches!(
            kept,
            Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
        ),
        "{kept:?}"
    );
}

#[tokio::test]
async fn a_query_that_is_kept_prepared_says_so_once() {
    let bed = PgBed::with(|config| config.pool_size = 1).await;
    let mut db = bed.factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    for times in [3, 2] {
        let count: i64 = items::table.count().get_result(&mut db).await.unwrap();
        assert_eq!(count, 0);
        let told = recorder.take();
        assert_eq!(told.len(), times, "{told:?}");
        assert!(told[0].starts_with("start SELECT COUNT(*)"), "{told:?}");
        assert!(
            told[times - 1].starts_with("finish SELECT COUNT(*)"),
            "{told:?}"
        );
    }
}

/// COMMIT is refused for a row that refers to nothing.
const ORPHAN: &str = "CREATE TABLE later (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED); \
     INSERT INTO later VALUES (404)";

async fn told_of_a_refused_commit<F: Db>(factory: &Of<F>) -> Vec<String> {
    let mut db = factory.create_session().await.unwrap();
    db.batch_execute(ORPHAN).await.unwrap();
    let recorder = Recorder::default();
    db.set_instrumentation(recorder.clone());
    let refused = db.commit().await.unwrap_err();
    assert!(matches!(refused, SessionError::Commit(_)), "{refused:?}");
    recorder.take()
}

#[tokio::test]
async fn a_commit_that_is_refused_is_told_with_its_error_and_as_rolled_back() {
    let bed = PgBed::new().await;
    let told = told_of_a_refused_commit(&bed.factory).await;
    assert_eq!(told[..2], ["commit 1", "start COMMIT"]);
    assert!(
        told[2].starts_with("finish COMMIT: ")
            && told[2].contains("violates foreign key constraint"),
        "{told:?}"
    );
    let undone = changed("roll back 1", "ROLLBACK");
    assert!(told[3..].is_empty() || told[3..] == undone, "{told:?}");
    let bed = LiteBed::new().await;
    let told = told_of_a_refused_commit(&bed.factory).await;
    assert_eq!(
        told[..3],
        [
            "commit 1",
            "start COMMIT",
            "finish COMMIT: FOREIGN KEY constraint failed"
        ]
    );
    assert!(told[3..].is_empty() || told[3..] == undone, "{told:?}");
}

#[tokio::test]
async fn an_error_in_the_midst_of_the_rows_is_told_once() {
    use futures_util::TryStreamExt;
    let bed = PgBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    let recorder = recorded(&mut db).await;
    let sql = "SELECT 1 / (20000 - i) AS id, repeat('x', 100) AS name FROM generate_series(1, 30000) AS i";
    let rows = diesel::sql_query(sql).load_stream::<Item>(&mut db).await;
    let error = rows.unwrap().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.to_string(), "division by zero");
    let told = recorder.take_uncached();
    let starts = told.iter().filter(|event| event.starts_with("start "));
    assert_eq!(starts.count(), 1, "{told:?}");
    let finishes = told.iter().filter(|event| event.starts_with("finish "));
    assert_eq!(finishes.count(), 1, "{told:?}");
    assert!(Manager::<PgDb>::is_broken_transaction_manager(&mut db));
}

#[derive(Debug, QueryableByName)]
#[allow(dead_code)] // read by nobody: the error comes first
struct Item {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    id: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[tokio::test]
async fn a_session_whose_connection_is_lost_is_a_broken_one() {
    let bed = PgBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(depth(&mut db), Ok(Some(1)));
    bed.database.admin().terminate_all().await;
    db.batch_execute("SELECT 1").await.unwrap_err();
    assert!(matches!(
        depth(&mut db),
        Err(Error::BrokenTransactionManager)
    ));
    assert!(Manager::<PgDb>::is_broken_transaction_manager(&mut db));
}
