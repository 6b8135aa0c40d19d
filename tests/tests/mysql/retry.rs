//! `retry` on MySQL: deadlocks are run again, by the server's number and not by their text.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Session, with_session};
use session_factory_tests::{AppError, MyBed, MyDb, items};
use tokio::sync::Barrier;

use super::insert;

#[with_session(retry = 5)]
async fn lock_both(
    db: &mut Session<MyDb>,
    first: i32,
    second: i32,
    barrier: Arc<Barrier>,
) -> Result<u32, AppError> {
    insert(db, 10 * first).await?;
    let lock = |id| diesel::update(items::table.find(id)).set(items::name.eq("locked"));
    lock(first).execute(db).await?;
    if db.attempt() == 1 {
        barrier.wait().await;
    }
    // The application's own words for it: the session saw what it was.
    let locked = lock(second).execute(db).await;
    locked.map_err(|_| AppError::Refused("somebody is in the way"))?;
    Ok(db.attempt())
}

#[tokio::test]
async fn a_deadlock_is_retried_whatever_the_error_type() {
    let bed = MyBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let barrier = Arc::new(Barrier::new(2));
    let (one, other) = bed
        .factory
        .scope(async {
            tokio::join!(
                lock_both(1, 2, Arc::clone(&barrier)),
                lock_both(2, 1, Arc::clone(&barrier))
            )
        })
        .await;
    let mut attempts = [one.unwrap(), other.unwrap()];
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(bed.count().await, 4);
}
