//! If SQLite refuses a statement inside a transaction, the error says what to write instead, and
//! nothing is retried in vain.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, Session};
use session_factory_tests::{AppError, LiteBed, LiteDb, items};

const OUTSIDE: &str = "; a session runs every statement in a transaction; run this one outside of any session, on a \
     connection of your own: SqliteConnection::establish(file)?.batch_execute(sql)?";

/// Runs a text under `retry`. Returns its error, and how many times it ran.
async fn refused(factory: &Factory<LiteDb>, text: &str, prepared: bool) -> (String, usize) {
    let attempts = AtomicUsize::new(0);
    let body = async |db: &mut Session<LiteDb>| {
        attempts.fetch_add(1, Ordering::SeqCst);
        if prepared {
            diesel::sql_query(text).execute(db).await?;
        } else {
            db.batch_execute(text).await?;
        }
        Ok::<_, AppError>(())
    };
    let result = factory.session().retry(3).run(body).await;
    let error = result.expect_err(text);
    assert!(matches!(error, AppError::Query(_)), "{error:?}");
    (error.to_string(), attempts.into_inner())
}

#[tokio::test]
async fn what_cannot_run_inside_of_a_transaction_says_where_to_run_it_and_is_tried_once() {
    let bed = LiteBed::new().await;
    for (text, says) in [
        ("VACUUM", "cannot VACUUM from within a transaction"),
        (
            "vacuum into 'x.db'",
            "cannot VACUUM from within a transaction",
        ),
        ("PRAGMA wal_checkpoint", "database table is locked"),
        (
            "/**/pragma Wal_Checkpoint(TRUNCATE)",
            "database table is locked",
        ),
        (
            "PRAGMA journal_mode = DELETE",
            "cannot change out of wal mode from within a transaction",
        ),
        (
            "PRAGMA synchronous = OFF",
            "Safety level may not be changed inside a transaction",
        ),
    ] {
        for prepared in [false, true] {
            let (error, attempts) = refused(&bed.factory, text, prepared).await;
            assert_eq!(error, format!("{says}{OUTSIDE}"), "{text}");
            assert_eq!(attempts, 1, "{text}");
        }
    }
    let text = "ATTACH ':memory:' AS other; CREATE TABLE other.a (b); DETACH other";
    let (error, attempts) = refused(&bed.factory, text, false).await;
    assert_eq!(error, format!("database other is locked{OUTSIDE}"));
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn attach_runs_in_a_session_and_the_next_one_has_nothing_attached() {
    let bed = LiteBed::new().await;
    let attach = async |db: &mut Session<LiteDb>| {
        diesel::sql_query("ATTACH ':memory:' AS other")
            .execute(db)
            .await?;
        Ok::<_, AppError>(())
    };
    bed.factory.with_session(attach).await.unwrap();
    // The name is free again.
    bed.factory.with_session(attach).await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_around_a_pool_of_the_applications_is_no_conflict_either() {
    use diesel::sqlite::SqliteConnection;
    use diesel_async::pooled_connection::AsyncDieselConnectionManager;
    use diesel_async::pooled_connection::bb8::Pool;
    use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    let bed = LiteBed::new().await;
    let manager = AsyncDieselConnectionManager::<SyncConnectionWrapper<SqliteConnection>>::new(
        bed.database.path().display().to_string(),
    );
    let pool = Pool::builder().max_size(1).build(manager).await.unwrap();
    let factory: Factory<LiteDb> = Factory::from_pool(pool);
    let (error, attempts) = refused(&factory, "PRAGMA wal_checkpoint", false).await;
    assert_eq!(error, format!("database table is locked{OUTSIDE}"));
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn a_begin_inside_of_a_session_says_what_to_use() {
    let bed = LiteBed::new().await;
    for text in ["BEGIN", "begin immediate", "SELECT 1; BEGIN"] {
        let (error, attempts) = refused(&bed.factory, text, false).await;
        assert_eq!(
            error,
            "cannot start a transaction within a transaction; use db.savepoint(…) inside of a session"
        );
        assert_eq!(attempts, 1, "{text}");
    }
}

#[tokio::test]
async fn the_advice_helps() {
    let bed = LiteBed::new().await;
    let sql = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
    diesel::connection::SimpleConnection::batch_execute(&mut bed.database.connection(), sql)
        .unwrap();
}

#[tokio::test]
async fn a_second_session_that_waits_for_the_first_in_vain_is_told_what_to_write() {
    let bed = LiteBed::new().await;
    let mut first = bed.factory.create_session().await.unwrap();
    let count: i64 = items::table.count().get_result(&mut first).await.unwrap();
    assert_eq!(count, 0);
    let mut second = bed.factory.create_session().await.unwrap();
    let refused = diesel::delete(items::table).execute(&mut second).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "database is locked: other sessions of this process held the write lock for 5s. If this task still has a session \
         open, end it first, or write `read_only` on it if it only reads"
    );
    // As the advice says.
    drop((first, second));
    let reads = async |db: &mut Session<LiteDb>| {
        let _count: i64 = items::table.count().get_result(db).await?;
        let mut second = bed.factory.create_session().await?;
        diesel::delete(items::table).execute(&mut second).await?;
        Ok::<_, AppError>(second.commit().await?)
    };
    let done = bed.factory.session().read_only().run(reads).await;
    done.unwrap();
}

#[tokio::test]
async fn a_lock_that_somebody_else_holds_is_told_as_such() {
    let bed = LiteBed::new().await;
    let mut other = bed.database.connection();
    diesel::connection::SimpleConnection::batch_execute(&mut other, "BEGIN IMMEDIATE").unwrap();
    let mut db = bed.factory.create_session().await.unwrap();
    let refused = diesel::delete(items::table).execute(&mut db).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "database is locked: another process, or a connection that is not the pool's, held the write lock for 5s"
    );
}
