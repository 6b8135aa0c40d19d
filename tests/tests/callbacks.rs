//! If the application's code panics while a session ends, the outcome stays true, and the next
//! borrower gets a clean connection.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use session_factory::{Session, SessionError, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb, items};

/// A wrapper, because diesel-async gives every value a method `load`.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn raise(&self) {
        AtomicBool::store(&self.0, true, Ordering::SeqCst);
    }

    fn is_raised(&self) -> bool {
        AtomicBool::load(&self.0, Ordering::SeqCst)
    }

    /// Lowers it. True if it was raised.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// An instrumentation that panics at its k-th event after it was armed.
#[derive(Clone)]
struct Trap {
    events_left: Arc<AtomicI64>,
    struck: Flag,
    /// Raised while it will panic at the event after the k-th as well.
    twice: Flag,
    /// True if it also panics when it is dropped.
    panics_when_dropped: bool,
}

impl Trap {
    fn disarmed() -> Self {
        Self {
            events_left: Arc::new(AtomicI64::new(-1)),
            struck: Flag::default(),
            twice: Flag::default(),
            panics_when_dropped: false,
        }
    }

    fn arm(&self, k: i64) {
        self.events_left.store(k, Ordering::SeqCst);
    }

    /// Arms it for the k-th event, and the one after it.
    fn arm_twice(&self, k: i64) {
        self.twice.raise();
        self.arm(k);
    }

    fn has_struck(&self) -> bool {
        self.struck.is_raised()
    }
}

impl Instrumentation for Trap {
    fn on_connection_event(&mut self, _event: InstrumentationEvent<'_>) {
        let armed = |left: i64| (left >= 0).then_some(left - 1);
        let order = Ordering::SeqCst;
        if self.events_left.fetch_update(order, order, armed) == Ok(0) {
            self.struck.raise();
            if self.twice.take() {
                self.arm(0);
            }
            panic!("trap: an event");
        }
    }
}

/// The clone that the session gets; only this one panics when dropped.
struct InSession(Trap);

impl Instrumentation for InSession {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        self.0.on_connection_event(event);
    }
}

impl Drop for InSession {
    fn drop(&mut self) {
        if self.0.panics_when_dropped {
            self.0.struck.raise();
            panic!("trap: dropped");
        }
    }
}

/// What runs while an instrumentation of the raw connection panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// BEGIN, behind a commit.
    Begin,
    /// SAVEPOINT and RELEASE.
    Savepoint,
    /// SAVEPOINT and ROLLBACK TO.
    UndoneSavepoint,
    /// diesel-async's own savepoint on the raw connection.
    RawTransaction,
}

impl Part {
    const ALL: [Self; 4] = [
        Self::Begin,
        Self::Savepoint,
        Self::UndoneSavepoint,
        Self::RawTransaction,
    ];
}

/// The call's result, or `None` if it panicked.
async fn caught<T>(call: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(call).catch_unwind().await.ok()
}

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident, $ends_with_events:expr) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::insert_in as insert;

            /// One connection, so that the next borrower gets the same one.
            async fn bed() -> $bed {
                $bed::one_connection()
                .await
            }

            #[with_session]
            async fn insert_and_fail(
                db: &mut Session<$db>,
                id: i32,
                trap: Trap,
                k: i64,
            ) -> Result<(), AppError> {
                db.set_instrumentation(InSession(trap.clone()));
                insert(db, id).await?;
                trap.arm(k);
                Err(AppError::Refused("no"))
            }

            #[with_session]
            async fn insert_with_hooks(
                db: &mut Session<$db>,
                id: i32,
                trap: Trap,
                k: i64,
                hooks: [Flag; 2],
            ) -> Result<(), AppError> {
                db.set_instrumentation(InSession(trap.clone()));
                let [committed, rolled_back] = hooks;
                db.after_commit(async { panic!("trap: a hook") });
                db.after_commit(async move { committed.raise() });
                db.after_rollback(async { panic!("trap: a hook") });
                db.after_rollback(async move { rolled_back.raise() });
                insert(db, id).await?;
                trap.arm(k);
                Ok(())
            }

            #[with_session(read_only)]
            async fn read(db: &mut Session<$db>, trap: Trap, k: i64) -> Result<i64, AppError> {
                db.set_instrumentation(InSession(trap.clone()));
                let count = items::table.count().get_result(db).await?;
                trap.arm(k);
                Ok(count)
            }

            #[with_session]
            async fn next(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                insert(db, id).await
            }

            async fn is_at_rest(bed: &$bed) {
                bed.at_rest().await;
            }

            /// The next borrower commits its row, and no other row appears.
            async fn the_next_borrower_is_alone(bed: &$bed, rows: &mut i64) {
                is_at_rest(bed).await;
                let id = 1000 + i32::try_from(*rows).unwrap();
                bed.factory.scope(next(id)).await.unwrap();
                *rows += 1;
                assert_eq!(bed.count().await, *rows);
            }

            #[tokio::test]
            async fn the_row_of_an_err_is_never_committed_whatever_event_of_its_end_panics() {
                let bed = bed().await;
                let mut rows = 0;
                for k in 0.. {
                    let trap = Trap::disarmed();
                    let call = insert_and_fail(7, trap.clone(), k);
                    let told = caught(bed.factory.scope(call)).await;
                    assert!(matches!(told, None | Some(Err(AppError::Refused("no")))));
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    if !trap.has_struck() {
                        assert!(k > 0 || !$ends_with_events, "no event while a session ends");
                        break;
                    }
                }
            }

            /// Inserts a row and sets the instrumentation on the raw connection, where only diesel-async reports SQL to it.
            /// The caller arms the trap.
            async fn insert_on_raw(db: &mut Session<$db>, trap: &Trap) -> Result<(), AppError> {
                insert(db, 7).await?;
                db.connection()
                    .await?
                    .set_instrumentation(InSession(trap.clone()));
                db.batch_execute("SELECT 1").await?;
                Ok(())
            }

            #[tokio::test]
            async fn a_commit_is_told_as_it_was_whatever_event_of_it_panics_on_the_raw_connection()
            {
                for way in ["end", "commit", "commit_with"] {
                    for k in 0.. {
                        let bed = bed().await;
                        let trap = Trap::disarmed();
                        let call = bed.factory.with_session(async |db: &mut Session<$db>| {
                            insert_on_raw(db, &trap).await?;
                            trap.arm(k);
                            match way {
                                "commit" => db.commit().await?,
                                "commit_with" => {
                                    let row = (items::id.eq(8), items::name.eq("name"));
                                    let last = diesel::insert_into(items::table).values(row);
                                    db.commit_with(last).await?;
                                }
                                _ => {}
                            }
                            Ok::<_, AppError>(())
                        });
                        let told = caught(call).await;
                        is_at_rest(&bed).await;
                        let rows = bed.count().await;
                        let all = if way == "commit_with" { 2 } else { 1 };
                        let case = format!("{way} {k} {told:?}: {rows} rows");
                        match told {
                            Some(Ok(())) => assert_eq!(rows, all, "{case}"),
                            Some(Err(AppError::Session(SessionError::CommitUnknown(_)))) => {
                                // PostgreSQL's messages say whether COMMIT was sent.
                                assert_ne!(stringify!($backend), "postgres", "{case}");
                                assert!(rows == 0 || rows == all, "{case}");
                            }
                            // The panic was at a statement's own event, which the body sees.
                            None => assert!(rows == 0 && way == "commit_with", "{case}"),
                            _ => assert_eq!(rows, 0, "{case}"),
                        }
                        if !trap.has_struck() {
                            break;
                        }
                    }
                }
            }

            /// Sets the trap on the raw connection, arms it for its k-th event, and runs `part`. Returns what `part`
            /// returned, unless it panicked.
            async fn with_trap_on_raw(
                db: &mut Session<$db>,
                part: Part,
                trap: &Trap,
                k: i64,
            ) -> Result<(), AppError> {
                insert_on_raw(db, trap).await?;
                match part {
                    Part::Begin => {
                        db.commit().await?;
                        trap.arm(k);
                        insert(db, 8).await
                    }
                    Part::Savepoint => {
                        trap.arm(k);
                        db.savepoint(async |db| insert(db, 8).await).await
                    }
                    Part::UndoneSavepoint => {
                        trap.arm(k);
                        let undone = db.savepoint(async |db| {
                            insert(db, 8).await?;
                            Err::<(), _>(AppError::Refused("no"))
                        });
                        undone.await
                    }
                    Part::RawTransaction => {
                        let raw = db.connection().await?;
                        trap.arm(k);
                        let inner = raw.transaction(async |raw| {
                            diesel::insert_into(items::table)
                                .values((items::id.eq(8), items::name.eq("name")))
                                .execute(raw)
                                .await
                        });
                        inner.await?;
                        Ok(())
                    }
                }
            }

            #[tokio::test]
            async fn nothing_is_half_kept_whatever_event_of_a_begin_or_a_savepoint_panics_on_the_raw_connection()
            {
                let bed = bed().await;
                for part in Part::ALL {
                    for returns_it in [true, false] {
                        for k in 0.. {
                            let trap = Trap::disarmed();
                            let call = bed.factory.with_session(async |db: &mut Session<$db>| {
                                let done = with_trap_on_raw(db, part, &trap, k).await;
                                let is_done = done.is_ok();
                                if returns_it {
                                    done?;
                                }
                                Ok::<_, AppError>(is_done)
                            });
                            let told = caught(call).await;
                            is_at_rest(&bed).await;
                            let rows = bed.count().await;
                            let case = format!("{part:?} {returns_it} {k} {told:?}: {rows} rows");
                            // `db.commit()` has kept the first row.
                            let before = i64::from(part == Part::Begin);
                            match told {
                                Some(Ok(is_done)) => assert_eq!(rows, 1 + i64::from(is_done), "{case}"),
                                Some(Err(AppError::Session(SessionError::CommitUnknown(_)))) => {
                                    assert!(rows >= before, "{case}");
                                }
                                // The panic of the body's own statement, or its error.
                                _ => assert_eq!(rows, before, "{case}"),
                            }
                            // The next borrower gets a clean connection.
                            bed.factory.scope(next(1000)).await.unwrap();
                            assert_eq!(bed.count().await, rows + 1, "{case}");
                            let empty = bed.factory.with_session(async |db| {
                                diesel::delete(items::table).execute(db).await
                            });
                            empty.await.unwrap();
                            if !trap.has_struck() {
                                assert!(k > 0, "{case}: no event");
                                break;
                            }
                        }
                    }
                }
            }

            #[tokio::test]
            async fn an_err_stays_that_err_whatever_event_of_its_end_panics_on_the_raw_connection()
            {
                let bed = bed().await;
                let mut rows = 0;
                for k in 0.. {
                    let trap = Trap::disarmed();
                    let call = bed.factory.with_session(async |db: &mut Session<$db>| {
                        insert_on_raw(db, &trap).await?;
                        trap.arm(k);
                        Err::<(), _>(AppError::Refused("no"))
                    });
                    let told = caught(call).await;
                    assert!(
                        matches!(told, Some(Err(AppError::Refused("no")))),
                        "{k}: {told:?}"
                    );
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    if !trap.has_struck() {
                        break;
                    }
                }
            }

            #[tokio::test]
            async fn the_row_of_a_dropped_session_is_never_committed_whatever_event_panics() {
                let bed = bed().await;
                let mut rows = 0;
                for k in 0.. {
                    let trap = Trap::disarmed();
                    let mut db = bed.factory.create_session().await.unwrap();
                    db.set_instrumentation(InSession(trap.clone()));
                    insert(&mut db, 7).await.unwrap();
                    db.set_rollback_only();
                    trap.arm(k);
                    drop(db);
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    if !trap.has_struck() {
                        break;
                    }
                }
            }

            #[tokio::test]
            async fn hooks_run_for_the_end_that_there_was_whatever_event_of_it_panics() {
                let bed = bed().await;
                let mut rows = 0;
                for k in 0.. {
                    let trap = Trap::disarmed();
                    let hooks: [Flag; 2] = Default::default();
                    let id = i32::try_from(k).unwrap();
                    let call = insert_with_hooks(id, trap.clone(), k, hooks.clone());
                    let told = caught(bed.factory.scope(call)).await;
                    is_at_rest(&bed).await;
                    let [committed, rolled_back] = hooks.map(|hook| move || hook.is_raised());
                    let is_there = bed.count().await > rows;
                    rows += i64::from(is_there);
                    match told {
                        Some(Ok(())) => assert!(is_there, "Ok means committed"),
                        // No hook runs for an unknown outcome.
                        Some(Err(AppError::Session(SessionError::CommitUnknown(_)))) => {
                            assert_eq!((committed(), rolled_back()), (false, false));
                            the_next_borrower_is_alone(&bed, &mut rows).await;
                            continue;
                        }
                        Some(Err(error)) => assert!(!is_there, "event {k}: {error}"),
                        None => {}
                    }
                    testbed::eventually(Duration::from_secs(20), "the hooks have run", || async {
                        committed() || rolled_back()
                    })
                    .await;
                    assert_eq!(
                        (committed(), rolled_back()),
                        (is_there, !is_there),
                        "event {k}"
                    );
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    if !trap.has_struck() {
                        break;
                    }
                }
            }

            #[tokio::test]
            async fn the_next_writer_can_write_whatever_event_of_a_read_s_end_panics() {
                let bed = bed().await;
                let mut rows = 0;
                for k in 0.. {
                    let trap = Trap::disarmed();
                    let told = caught(bed.factory.scope(read(trap.clone(), k))).await;
                    assert!(told.is_none_or(|told| told.is_ok_and(|count| count == rows)));
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    if !trap.has_struck() {
                        break;
                    }
                }
            }

            #[tokio::test]
            async fn an_instrumentation_that_panics_when_it_is_dropped_costs_no_slot() {
                let bed = bed().await;
                let mut rows = 0;
                for _ in 0..4 {
                    let trap = Trap {
                        panics_when_dropped: true,
                        ..Trap::disarmed()
                    };
                    let call = insert_and_fail(7, trap.clone(), -1);
                    let told = caught(bed.factory.scope(call)).await;
                    assert!(matches!(told, Some(Err(AppError::Refused("no")))));
                    the_next_borrower_is_alone(&bed, &mut rows).await;
                    assert!(trap.has_struck());
                }
            }
        }
    };
}

suite!(postgres, PgDb, PgBed, true);
suite!(mysql, MyDb, MyBed, false);
suite!(sqlite, LiteDb, LiteBed, true);

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

#[tokio::test]
async fn a_setting_never_reaches_the_next_borrower_whatever_event_of_the_reset_panics() {
    let bed = PgBed::one_connection().await;
    let ask = async || {
        let ask = bed.factory.with_session(async |db| {
            let sql = "SELECT current_setting('work_mem') AS value";
            let value: Value = diesel::sql_query(sql).get_result(db).await?;
            Ok::<_, AppError>(value.value)
        });
        ask.await.unwrap()
    };
    let before = ask().await;
    for k in 0.. {
        let trap = Trap::disarmed();
        let given = trap.clone();
        let set = bed.factory.with_session(async move |db| {
            db.set_instrumentation(InSession(given.clone()));
            db.batch_execute("SET work_mem = '77MB'").await?;
            given.arm(k);
            Ok::<_, AppError>(())
        });
        let _told = caught(set).await;
        assert_eq!(ask().await, before, "event {k}");
        if !trap.has_struck() {
            assert_eq!(k, 3, "COMMIT is three events, and the reset is none");
            break;
        }
    }
}

#[tokio::test]
async fn the_last_statement_and_its_commit_have_one_outcome_whatever_event_of_them_panics() {
    let bed = PgBed::one_connection().await;
    let insert = |id: i32| {
        diesel::insert_into(items::table).values((items::id.eq(id), items::name.eq("name")))
    };
    // Once the connection has it prepared, COMMIT goes right behind it.
    for id in [1, 2, 3] {
        let last = bed
            .factory
            .with_session(async |db| db.commit_with(insert(id)).await);
        assert_eq!(last.await.unwrap(), 1);
    }
    let mut id = 3;
    let mut struck_behind_commit = 0;
    for raw in [false, true] {
        for (fails, twice) in [(false, false), (false, true), (true, false), (true, true)] {
            for k in 0.. {
                let trap = Trap::disarmed();
                let hooks: [Flag; 2] = Default::default();
                let before = bed.count().await;
                id += 1;
                let call = bed.factory.with_session(async |db: &mut Session<PgDb>| {
                    let [committed, rolled_back] = hooks.clone();
                    db.after_commit(async move { committed.raise() });
                    db.after_rollback(async move { rolled_back.raise() });
                    if raw {
                        db.connection()
                            .await?
                            .set_instrumentation(InSession(trap.clone()));
                    } else {
                        db.set_instrumentation(InSession(trap.clone()));
                    }
                    db.batch_execute("SELECT 1").await?;
                    if twice {
                        trap.arm_twice(k);
                    } else {
                        trap.arm(k);
                    }
                    let rows = db.commit_with(insert(if fails { 1 } else { id })).await?;
                    Ok::<_, AppError>(rows)
                });
                let told = caught(call).await;
                bed.at_rest().await;
                let is_there = bed.count().await > before;
                let case = format!(
                    "raw: {raw}, fails: {fails}, twice: {twice}, {k}: {told:?}, {is_there}"
                );
                match &told {
                    Some(Ok(rows)) => {
                        assert!(*rows == 1 && is_there && !fails, "{case}");
                        struck_behind_commit += u32::from(trap.has_struck());
                    }
                    Some(Err(AppError::Session(SessionError::Aborted(aborted)))) => {
                        // The event ahead of COMMIT, at which diesel-async has sent nothing.
                        assert!(raw && !is_there, "{case}");
                        let words = "panicked before COMMIT was sent";
                        assert!(aborted.to_string().contains(words), "{case}");
                    }
                    Some(Err(AppError::Session(SessionError::Query(error)))) => {
                        assert!(!is_there, "{case}");
                        let words = if fails {
                            "duplicate key"
                        } else {
                            "panicked before COMMIT was sent"
                        };
                        assert!(error.to_string().contains(words), "{case}");
                    }
                    Some(Err(_)) => panic!("{case}"),
                    // The panic of an event ahead of the statement is the body's.
                    None => assert!(!is_there, "{case}"),
                }
                let [committed, rolled_back] = &hooks;
                testbed::eventually(testbed::PATIENCE, "the hooks have run", || async {
                    committed.is_raised() || rolled_back.is_raised()
                })
                .await;
                assert_eq!(
                    (committed.is_raised(), rolled_back.is_raised()),
                    (is_there, !is_there),
                    "{case}"
                );
                if !trap.has_struck() {
                    break;
                }
            }
        }
    }
    assert!(
        struck_behind_commit > 0,
        "no event hid the statement's answer"
    );
}

/// A bind whose destructor panics.
#[derive(Debug, diesel::expression::AsExpression)]
#[diesel(sql_type = diesel::sql_types::Text)]
struct PanicsWhenDropped;

impl diesel::serialize::ToSql<diesel::sql_types::Text, diesel::pg::Pg> for PanicsWhenDropped {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::pg::Pg>,
    ) -> diesel::serialize::Result {
        std::io::Write::write_all(out, b"name")?;
        Ok(diesel::serialize::IsNull::No)
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "trap: a bind is dropped");
    }
}

#[tokio::test]
async fn a_bind_that_panics_when_it_is_dropped_commits_nothing_and_costs_no_slot() {
    let bed = PgBed::one_connection().await;
    for id in 0..3 {
        let insert = bed.factory.with_session(async move |db| {
            let row = (items::id.eq(id), items::name.eq(PanicsWhenDropped));
            db.commit_with(diesel::insert_into(items::table).values(row))
                .await?;
            Ok::<_, AppError>(())
        });
        assert!(caught(insert).await.is_none());
    }
    bed.factory.health().await.unwrap();
    assert_eq!(bed.count().await, 0);
}
