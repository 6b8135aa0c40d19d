//! An instrumentation of `set_default_instrumentation` is the application's code. It runs when a
//! connection is opened, pinged, and returned. The setting is process-wide, so the tests run one
//! after another.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use session_factory::{Factory, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb, at_rest, items};
use tokio::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
static CONSTRUCTOR_PANICS: AtomicBool = AtomicBool::new(false);
static EVENTS_PANIC: AtomicBool = AtomicBool::new(false);

struct Panicking;

impl Instrumentation for Panicking {
    fn on_connection_event(&mut self, _event: InstrumentationEvent<'_>) {
        assert!(
            !AtomicBool::load(&EVENTS_PANIC, Ordering::SeqCst),
            "trap: an event"
        );
    }
}

#[allow(clippy::unnecessary_wraps)] // diesel asks for it
fn make() -> Option<Box<dyn Instrumentation>> {
    let panics = AtomicBool::load(&CONSTRUCTOR_PANICS, Ordering::SeqCst);
    assert!(!panics, "trap: the constructor");
    Some(Box::new(Panicking))
}

/// While this value lives, the instrumentation panics.
struct While(&'static AtomicBool);

impl While {
    fn panics(flag: &'static AtomicBool) -> Self {
        flag.store(true, Ordering::SeqCst);
        Self(flag)
    }
}

impl Drop for While {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

async fn bed() -> PgBed {
    set_default_instrumentation(make).unwrap();
    PgBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_timeout = Duration::from_secs(20);
    })
    .await
}

async fn insert(factory: &Factory<PgDb>, id: i32) -> Result<(), AppError> {
    let insert = factory.with_session(async move |db| {
        diesel::insert_into(items::table)
            .values((items::id.eq(id), items::name.eq("name")))
            .execute(db)
            .await?;
        Ok(())
    });
    insert.await
}

#[tokio::test]
async fn a_panic_while_a_connection_is_opened_is_told_to_its_caller_and_costs_no_slot() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bed = bed().await;
    for flag in [&CONSTRUCTOR_PANICS, &EVENTS_PANIC] {
        let _panics = While::panics(flag);
        for _ in 0..3 {
            let Err(AppError::Session(error)) = insert(&bed.factory, 1).await else {
                panic!("a connection was opened");
            };
            let text = error.to_string();
            assert!(text.contains("has panicked"), "{text}");
            assert!(text.contains("set_default_instrumentation"), "{text}");
            assert!(matches!(error, SessionError::Acquire(_)), "{text}");
        }
    }
    insert(&bed.factory, 1).await.unwrap();
}

#[tokio::test]
async fn a_connection_whose_instrumentation_cannot_be_put_back_is_closed() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bed = bed().await;
    insert(&bed.factory, 1).await.unwrap();
    let opened = bed.proxy().counts().opened;
    {
        let _panics = While::panics(&CONSTRUCTOR_PANICS);
        let read = bed.factory.with_session(async |db| {
            db.set_instrumentation(None::<Box<dyn Instrumentation>>);
            Ok::<i64, AppError>(items::table.count().get_result(db).await?)
        });
        assert_eq!(read.await.unwrap(), 1);
        at_rest(&bed.factory).await;
    }
    insert(&bed.factory, 2).await.unwrap();
    assert_eq!(bed.proxy().counts().opened, opened + 1);
}

#[tokio::test]
async fn an_instrumentation_that_panics_does_not_meet_the_check_of_a_connection() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bed = bed().await;
    insert(&bed.factory, 1).await.unwrap();
    at_rest(&bed.factory).await;
    // Long enough that the pool pings the connection.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let panics = While::panics(&EVENTS_PANIC);
    let health = AssertUnwindSafe(bed.factory.health()).catch_unwind().await;
    assert!(health.expect("no panic reaches the caller").is_ok());
    drop(panics);
    insert(&bed.factory, 2).await.unwrap();
}

#[tokio::test]
async fn the_application_s_own_pool_closes_a_connection_whose_end_panicked() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let bed = bed().await;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url());
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool);
    let before = backend(&factory).await;
    let failing = factory.with_session(async |db| {
        diesel::insert_into(items::table)
            .values((items::id.eq(7), items::name.eq("name")))
            .execute(db)
            .await?;
        EVENTS_PANIC.store(true, Ordering::SeqCst);
        Err::<(), _>(AppError::Refused("no"))
    });
    let told = AssertUnwindSafe(failing).catch_unwind().await;
    assert!(matches!(told, Err(_) | Ok(Err(AppError::Refused("no")))));
    at_rest(&factory).await;
    EVENTS_PANIC.store(false, Ordering::SeqCst);
    insert(&factory, 8).await.unwrap();
    assert_eq!(bed.count().await, 1);
    assert_ne!(backend(&factory).await, before, "another connection");
}

async fn backend(factory: &Factory<PgDb>) -> i32 {
    let ask = factory.with_session(async |db| {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(
            "pg_backend_pid()",
        ))
        .get_result(db)
        .await
    });
    let asked: QueryResult<i32> = ask.await;
    asked.unwrap()
}

type Wrapper = diesel_async::sync_connection_wrapper::SyncConnectionWrapper<SqliteConnection>;

#[tokio::test]
async fn the_application_s_own_pool_of_sqlite_closes_a_connection_whose_end_panicked() {
    let _alone = ONE_AT_A_TIME.lock().await;
    set_default_instrumentation(make).unwrap();
    let bed = LiteBed::new().await;
    let path = bed.database.url();
    let path = path.trim_start_matches("sqlite://");
    let manager = AsyncDieselConnectionManager::<Wrapper>::new(path);
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory = Factory::<LiteDb>::from_pool(pool);
    let insert = async |id: i32, fails: bool| {
        let insert = factory.with_session(async move |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(id), items::name.eq("name")))
                .execute(db)
                .await?;
            EVENTS_PANIC.store(fails, Ordering::SeqCst);
            if fails {
                return Err(AppError::Refused("no"));
            }
            Ok(())
        });
        AssertUnwindSafe(insert).catch_unwind().await
    };
    for id in 1..4 {
        let told = insert(-id, true).await;
        assert!(matches!(told, Err(_) | Ok(Err(AppError::Refused("no")))));
        at_rest(&factory).await;
        EVENTS_PANIC.store(false, Ordering::SeqCst);
        insert(id, false).await.expect("no panic").unwrap();
        assert_eq!(bed.count().await, i64::from(id));
    }
}
