//! `retry`: what the session saw on the wire decides, not the error type, and nothing is done
//! twice.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Isolation, Session, SessionError};
use session_factory_tests::{AppError, LiteBed, PgBed, PgDb, items};
use tokio::sync::Barrier;

/// An error type that says nothing about the database, so that only the wire does.
#[derive(Debug)]
struct Opaque(String);

impl From<SessionError> for Opaque {
    fn from(error: SessionError) -> Self {
        Self(error.to_string())
    }
}

impl From<diesel::result::Error> for Opaque {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.to_string())
    }
}

/// How many times a body ran. (diesel's `load` hides an atomic's.)
#[derive(Default)]
struct Runs(AtomicU32);

impl Runs {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    fn so_far(&self) -> u32 {
        AtomicU32::load(&self.0, Ordering::SeqCst)
    }
}

async fn bed_of_two() -> PgBed {
    let bed = PgBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    bed
}

async fn length(db: &mut Session<PgDb>, id: i32) -> QueryResult<String> {
    items::table.find(id).select(items::name).first(db).await
}

/// Reads one row and writes the other: two concurrent calls cannot be serialized.
async fn write_skew(
    db: &mut Session<PgDb>,
    read: i32,
    write: i32,
    meet: &Barrier,
) -> Result<u32, Opaque> {
    let name = length(db, read).await?;
    if db.attempt() == 1 {
        meet.wait().await;
    }
    diesel::update(items::table.find(write))
        .set(items::name.eq(format!("{name}!")))
        .execute(db)
        .await?;
    Ok(db.attempt())
}

#[tokio::test]
async fn two_serializable_calls_that_conflict_both_succeed_with_retry() {
    let bed = bed_of_two().await;
    let meet = Barrier::new(2);
    let call = |read, write| {
        let (bed, meet) = (&bed, &meet);
        async move {
            bed.factory
                .session()
                .isolation(Isolation::Serializable)
                .retry(5)
                .run(async |db| write_skew(db, read, write, meet).await)
                .await
        }
    };
    let (one, two) = tokio::join!(call(1, 2), call(2, 1));
    let attempts = [one.unwrap(), two.unwrap()];
    assert!(attempts.iter().any(|attempt| *attempt > 1), "{attempts:?}");
}

#[tokio::test]
async fn without_retry_one_of_them_fails() {
    let bed = bed_of_two().await;
    let meet = Barrier::new(2);
    let call = |read, write| {
        let (bed, meet) = (&bed, &meet);
        async move {
            bed.factory
                .session()
                .isolation(Isolation::Serializable)
                .run(async |db| write_skew(db, read, write, meet).await)
                .await
        }
    };
    let (one, two) = tokio::join!(call(1, 2), call(2, 1));
    assert_ne!(one.is_ok(), two.is_ok());
}

async fn lock_both(
    db: &mut Session<PgDb>,
    first: i32,
    second: i32,
    meet: &Barrier,
) -> Result<u32, Opaque> {
    diesel::update(items::table.find(first))
        .set(items::name.eq("locked"))
        .execute(db)
        .await?;
    if db.attempt() == 1 {
        meet.wait().await;
    }
    diesel::update(items::table.find(second))
        .set(items::name.eq("locked"))
        .execute(db)
        .await?;
    Ok(db.attempt())
}

#[tokio::test]
async fn a_deadlock_is_retried_whatever_the_error_type() {
    let bed = bed_of_two().await;
    let meet = Barrier::new(2);
    let call = |first, second| {
        let (bed, meet) = (&bed, &meet);
        async move {
            bed.factory
                .session()
                .retry(3)
                .run(async |db| lock_both(db, first, second, meet).await)
                .await
        }
    };
    let (one, two) = tokio::join!(call(1, 2), call(2, 1));
    let mut attempts = [one.unwrap(), two.unwrap()];
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn a_conflict_inside_a_savepoint_is_retried() {
    let bed = bed_of_two().await;
    let meet = Barrier::new(2);
    let call = |first, second| {
        let (bed, meet) = (&bed, &meet);
        async move {
            bed.factory
                .session()
                .retry(3)
                .run(async |db| {
                    db.savepoint(async |db| lock_both(db, first, second, meet).await)
                        .await
                })
                .await
        }
    };
    let (one, two) = tokio::join!(call(1, 2), call(2, 1));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn a_conflict_on_the_raw_connection_is_retried() {
    let bed = bed_of_two().await;
    let attempts = bed
        .factory
        .session()
        .retry(3)
        .run(async |db| {
            let attempt = db.attempt();
            let raw = db.connection().await?;
            if attempt < 3 {
                raw.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
                    .await?;
            }
            Ok::<_, Opaque>(attempt)
        })
        .await;
    assert_eq!(attempts.unwrap(), 3);
}

async fn conflict(db: &mut Session<PgDb>) -> QueryResult<()> {
    db.batch_execute("DO $$ BEGIN RAISE SQLSTATE '40001' USING MESSAGE = 'conflict'; END $$")
        .await
}

#[tokio::test]
async fn the_last_error_is_returned_with_the_attempts_counted() {
    let bed = PgBed::new().await;
    let runs = Runs::default();
    let error = bed
        .factory
        .session()
        .retry_within(2, Duration::from_millis(1), Duration::from_millis(2))
        .run(async |db| {
            runs.next();
            conflict(db).await?;
            Ok::<_, Opaque>(())
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 3);
    assert_eq!(error.0, "conflict (attempt 3 of 3)");
}

#[tokio::test]
async fn another_error_is_not_retried() {
    let bed = PgBed::new().await;
    let runs = Runs::default();
    let error = bed
        .factory
        .session()
        .retry(5)
        .run(async |db| {
            runs.next();
            db.batch_execute("SELECT 1 / 0").await?;
            Ok::<_, Opaque>(())
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 1);
    assert_eq!(error.0, "division by zero");
}

#[tokio::test]
async fn a_conflict_at_commit_is_retried() {
    let bed = PgBed::new().await;
    bed.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.name = 'x1' THEN RAISE SQLSTATE '40001'; END IF; RETURN NEW; END $$; \
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let attempt = bed
        .factory
        .session()
        .retry(3)
        .run(async |db| {
            diesel::insert_into(items::table)
                .values((
                    items::id.eq(1),
                    items::name.eq(format!("x{}", db.attempt())),
                ))
                .execute(db)
                .await?;
            Ok::<_, Opaque>(db.attempt())
        })
        .await;
    assert_eq!(attempt.unwrap(), 2);
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_body_that_committed_something_itself_is_not_run_again() {
    let bed = PgBed::new().await;
    let runs = Runs::default();
    bed.factory
        .session()
        .retry(5)
        .run(async |db| {
            let id = i32::try_from(runs.next()).unwrap();
            diesel::insert_into(items::table)
                .values((items::id.eq(id), items::name.eq("kept")))
                .execute(db)
                .await?;
            db.commit().await?;
            conflict(db).await?;
            Ok::<_, Opaque>(())
        })
        .await
        .unwrap_err();
    assert_eq!(runs.so_far(), 1);
    assert_eq!(bed.count().await, 1, "what it committed is there once");
}

#[tokio::test]
async fn an_unknown_commit_is_never_retried() {
    use testbed::proxy::{Action, Direction};
    let bed = PgBed::proxied(|_| {}).await;
    let runs = Runs::default();
    let error = bed
        .factory
        .session()
        .retry(5)
        .run(async |db| {
            runs.next();
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("x")))
                .execute(db)
                .await?;
            bed.proxy()
                .arm(testbed::proxy::Cut::after(0, Direction::ToClient).action(Action::Reset));
            Ok::<_, SessionError>(())
        })
        .await
        .unwrap_err();
    assert!(matches!(error, SessionError::CommitUnknown(_)), "{error:?}");
    assert_eq!(runs.so_far(), 1);
}

#[tokio::test]
async fn the_session_is_closed_before_the_pause() {
    let bed = PgBed::one_connection().await;
    let pause = Duration::from_secs(600);
    let retried = bed
        .factory
        .session()
        .retry_within(1, pause, pause)
        .run(async |db| {
            conflict(db).await?;
            Ok::<_, Opaque>(())
        });
    let mut retried = Box::pin(retried);
    let other = async {
        // The only connection is free while the other call waits.
        testbed::eventually(testbed::PATIENCE, "the connection is back", || async {
            bed.factory.status().idle == 1
        })
        .await;
        bed.factory
            .with_session(async |db| {
                db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                    .await?;
                Ok::<_, Opaque>(())
            })
            .await
    };
    tokio::select! {
        ended = &mut retried => panic!("ended in its pause: {ended:?}"),
        other = other => other.unwrap(),
    }
    // A call that is dropped during its pause holds no connection.
    drop(retried);
    let status = bed.factory.status();
    assert_eq!((status.in_use, status.recovering, status.idle), (0, 0, 1));
}

#[tokio::test]
async fn hooks_of_an_attempt_that_failed_do_not_run_on_commit() {
    let bed = PgBed::new().await;
    let ran: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
    let note = |what: &str, attempt: u32| {
        let (ran, text) = (std::sync::Arc::clone(&ran), format!("{what} {attempt}"));
        async move { ran.lock().unwrap().push(text) }
    };
    bed.factory
        .session()
        .retry(3)
        .run(async |db| {
            let attempt = db.attempt();
            db.after_commit(note("commit", attempt));
            db.after_rollback(note("rollback", attempt));
            if attempt == 1 {
                conflict(db).await?;
            }
            Ok::<_, Opaque>(())
        })
        .await
        .unwrap();
    assert_eq!(*ran.lock().unwrap(), ["rollback 1", "commit 2"]);
}

#[tokio::test]
async fn a_busy_sqlite_database_is_retried() {
    let bed = LiteBed::new().await;
    let mut other = SqliteConnection::establish(&bed.database.url()).unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE").unwrap();
    let lock = std::sync::Mutex::new(Some(other));
    let runs = Runs::default();
    let attempt = bed
        .factory
        .session()
        .retry(5)
        .run(async |db| {
            // BEGIN waits up to five seconds for another process's lock.
            if runs.next() > 0 {
                drop(lock.lock().unwrap().take());
            }
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("x")))
                .execute(db)
                .await?;
            Ok::<_, Opaque>(db.attempt())
        })
        .await;
    assert_eq!(attempt.unwrap(), 2);
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn diesels_own_transaction_inside_is_part_of_the_attempt() {
    let bed = PgBed::new().await;
    bed.factory
        .session()
        .retry(2)
        .run(async |db| {
            db.transaction(async |db| {
                diesel::insert_into(items::table)
                    .values((items::id.eq(1), items::name.eq("x")))
                    .execute(db)
                    .await?;
                if db.attempt() < 3 {
                    conflict(db).await?;
                }
                Ok::<_, diesel::result::Error>(())
            })
            .await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
}
