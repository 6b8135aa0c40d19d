//! The application's instrumentation gets the events of the application's statements only. If the
//! instrumentation panics, nothing is committed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError};
use session_factory_tests::functions::sqlite::{insert, insert_in};
use session_factory_tests::{AppError, LiteBed, LiteDb, items};

async fn one_connection() -> LiteBed {
    LiteBed::one_connection().await
}

/// The SQL of the queries that start.
#[derive(Clone, Default)]
struct Texts(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Texts {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default();
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

impl Texts {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn what_the_crate_runs_for_its_own_sake_is_not_heard_of() {
    let bed = one_connection().await;
    let texts = Texts::default();
    let body = async |db: &mut Session<LiteDb>| {
        db.set_instrumentation(texts.clone());
        assert!(db.batch_execute("SELECT * FROM nosuch").await.is_err());
        assert!(insert_in(db, 1).await.is_ok());
        assert!(insert_in(db, 1).await.is_err());
        db.batch_execute("SELECT 1; SELECT 2").await?;
        assert!(db.batch_execute("SELECT 1; nonsense").await.is_err());
        db.connection().await?.batch_execute("SELECT 3").await?;
        db.batch_execute("PRAGMA user_version").await?;
        assert!(db.instrumentation().is::<Texts>());
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(body).await.unwrap();
    let insert = "INSERT INTO `items` (`id`, `name`) VALUES (?, ?)";
    let expected = [
        "BEGIN IMMEDIATE",
        "SELECT * FROM nosuch",
        insert,
        insert,
        "SELECT 1; SELECT 2",
        "SELECT 1; nonsense",
        "SELECT 3",
        "PRAGMA user_version",
        "COMMIT",
    ];
    assert_eq!(texts.taken(), expected);
    let body = async |db: &mut Session<LiteDb>| {
        db.set_instrumentation(texts.clone());
        db.batch_execute("COMMIT; BEGIN").await?;
        Ok::<_, AppError>(())
    };
    assert!(bed.factory.with_session(body).await.is_err());
    assert_eq!(texts.taken()[..2], ["BEGIN IMMEDIATE", "COMMIT; BEGIN"]);
    // Setting `query_only` is not reported either.
    let body = async |db: &mut Session<LiteDb>| {
        db.set_instrumentation(texts.clone());
        Ok::<_, AppError>(items::table.count().get_result::<i64>(db).await?)
    };
    let read = bed.factory.session().read_only().run(body).await;
    assert_eq!(read.unwrap(), 1);
    assert_eq!(texts.taken()[0], "BEGIN DEFERRED");
}

/// Panics at one of its events.
struct Panics {
    seen: usize,
    at: usize,
}

impl Instrumentation for Panics {
    fn on_connection_event(&mut self, _event: InstrumentationEvent<'_>) {
        self.seen += 1;
        assert!(self.seen != self.at, "on purpose");
    }
}

/// Where the instrumentation is set, and where the statements run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Session,
    Raw,
}

const AT_MOST: usize = 20;

#[tokio::test]
async fn a_panic_in_any_callback_leaves_an_ok_with_everything_or_an_error_with_nothing() {
    let mut oks = 0;
    for way in [Way::Session, Way::Raw] {
        for at in 1..AT_MOST {
            let case = format!("{way:?}, event {at}");
            let bed = one_connection().await;
            let body = async |db: &mut Session<LiteDb>| {
                db.set_instrumentation(Panics { seen: 0, at });
                let first = insert_in(db, 1).await.is_ok();
                let second = if way == Way::Raw {
                    let sql = "INSERT INTO items VALUES (2, 'b')";
                    match db.connection().await {
                        Ok(raw) => raw.batch_execute(sql).await.is_ok(),
                        Err(_) => false,
                    }
                } else {
                    insert_in(db, 2).await.is_ok()
                };
                Ok::<_, AppError>((first, second))
            };
            let result = bed.factory.with_session(body).await;
            let count = bed.count().await;
            match result {
                Ok((first, second)) => {
                    // A BEGIN whose event panicked was not sent, so the other statement's row is
                    // there.
                    assert_eq!(i64::from(first) + i64::from(second), count, "{case}");
                    oks += count;
                }
                Err(AppError::Session(SessionError::Aborted(aborted))) => {
                    assert_eq!(count, 0, "{case}");
                    assert!(
                        aborted.to_string().contains("panicked"),
                        "{case}: {aborted}"
                    );
                }
                Err(AppError::Session(error @ SessionError::Commit(_))) => {
                    assert_eq!(count, 0, "{case}");
                    assert!(error.to_string().contains("panicked"), "{case}: {error}");
                }
                Err(error) => panic!("{case}: {error:?}"),
            }
            // The next call gets a connection that works.
            bed.factory.scope(insert(50)).await.unwrap();
            assert_eq!(bed.count().await, count + 1, "{case}");
        }
    }
    assert!(oks > 4, "it never came to its end");
}

#[tokio::test]
async fn an_instrumentation_that_was_set_on_the_raw_connection_and_panics_commits_nothing() {
    // At the statement's events, and then at those of the driver's statements after it.
    for at in 1..=6 {
        let bed = one_connection().await;
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            let raw = db.connection().await?;
            raw.set_instrumentation(Panics { seen: 0, at });
            let sql = "INSERT INTO items VALUES (2, 'b')";
            assert_eq!(raw.batch_execute(sql).await.is_err(), at <= 2, "event {at}");
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        let Err(AppError::Session(error @ SessionError::Aborted(_))) = result else {
            panic!("event {at}: {result:?}")
        };
        assert!(error.to_string().contains("panicked"), "{at}: {error}");
        assert_eq!(bed.count().await, 0, "{at}");
        bed.factory.scope(insert(50)).await.unwrap();
        assert_eq!(bed.count().await, 1, "{at}");
    }
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_text_that_commits_is_never_told_as_rolled_back() {
    for at in 1..6 {
        let bed = one_connection().await;
        let body = async |db: &mut Session<LiteDb>| {
            insert_in(db, 1).await?;
            db.set_instrumentation(Panics { seen: 0, at });
            let _panicked = db.batch_execute("COMMIT").await;
            Ok::<_, AppError>(())
        };
        let error = bed.factory.with_session(body).await.unwrap_err();
        match bed.count().await {
            0 => assert!(error.to_string().contains("rolled back"), "{at}: {error}"),
            _ => assert!(error.to_string().contains("is unknown"), "{at}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_database_in_memory_survives_a_panic() {
    use session_factory::Factory;
    use session_factory_tests::LiteDbConfig;
    let url = |key: &str| (key == "DATABASE_URL").then(|| "sqlite::memory:".to_owned());
    let factory: Factory<LiteDb> = Factory::new(LiteDbConfig::from_vars(url).unwrap());
    let make = async |db: &mut Session<LiteDb>| {
        db.batch_execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .await?;
        insert_in(db, 1).await
    };
    factory.with_session(make).await.unwrap();
    for at in 1..AT_MOST {
        let body = async |db: &mut Session<LiteDb>| {
            db.set_instrumentation(Panics { seen: 0, at });
            let _panicked = insert_in(db, 2).await;
            Err::<(), _>(AppError::Refused("no"))
        };
        assert!(factory.with_session(body).await.is_err());
        let read = async |db: &mut Session<LiteDb>| {
            Ok::<_, AppError>(items::table.count().get_result::<i64>(db).await?)
        };
        assert_eq!(factory.with_session(read).await.unwrap(), 1, "event {at}");
    }
}
