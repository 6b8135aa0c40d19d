//! Every call in the README's tables exists, with the signature that the table shows.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{LiteBed, LiteDb, items};

#[with_session]
async fn insert(db: &mut Session<LiteDb>, id: i32) -> Result<usize, SessionError> {
    let row = (items::id.eq(id), items::name.eq("x"));
    Ok(diesel::insert_into(items::table)
        .values(row)
        .execute(db)
        .await?)
}

#[tokio::test]
async fn the_calls_of_the_readme_do_what_its_tables_say() {
    let bed = LiteBed::new().await;
    let hooked = Arc::new(AtomicBool::new(false));
    let calls = async {
        LiteDb::init().await?;
        let _changed = insert(1).await?;
        LiteDb::with_session(async |db| insert_in(db, 2).await).await?;

        let mut db = LiteDb::create_session().await?;
        insert_in(&mut db, 3).await?;
        db.savepoint(async |db| insert_in(db, 4).await).await?;
        let hook = Arc::clone(&hooked);
        db.after_commit(async move { hook.store(true, Ordering::Relaxed) });
        db.commit().await?;
        db.close().await?;

        let mut dropped = LiteDb::create_session().await?;
        insert_in(&mut dropped, 5).await?;
        dropped.rollback().await?;
        drop(dropped);

        // The current factory, which is the scope's.
        let factory: Factory<LiteDb> = LiteDb::factory().await?;
        assert_eq!(factory.status().limit, LiteDb::status().limit);
        let _round_trip: Duration = LiteDb::health().await?;
        assert!(LiteDb::describe().contains("DATABASE_URL"));
        Ok::<_, SessionError>(factory)
    };
    let factory = bed.factory.scope(calls).await.unwrap();
    assert!(AtomicBool::load(&hooked, Ordering::Relaxed));
    assert_eq!(bed.count().await, 4);
    assert!(factory.shutdown(Duration::from_secs(60)).await.is_clean());
    let closed = bed.factory.with_session(async |db| insert_in(db, 6).await);
    assert!(matches!(closed.await, Err(SessionError::Closed)));
}

#[test]
fn no_setting_is_without_effect() {
    let example = LiteDb::env_example();
    for key in ["DB_SLOW_STATEMENT", "DB_SLOW_ACQUIRE", "DB_LEAK_THRESHOLD"] {
        let entry = example
            .split("\n\n")
            .find(|entry| entry.contains(&format!("# {key}=")))
            .unwrap();
        assert!(entry.contains(" reported"), "{entry}");
    }
    assert!(!example.contains("Reserved"), "{example}");
}
