//! No setting that a session changed reaches the next borrower, and those that changed none pay nothing.

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory_tests::{AppError, MyBed};
use testbed::proxy::StatementKind;

use super::{insert, one_connection, quiet};

async fn ask(bed: &MyBed, sql: &'static str) -> String {
    bed.factory
        .with_session(async |db| {
            let question = diesel::dsl::sql::<Text>(sql);
            diesel::select(question).get_result::<String>(db).await
        })
        .await
        .unwrap()
}

/// What the question is answered is the same before and after a session that made the changes.
async fn unchanged_after(change: &'static [&'static str], question: &'static str) {
    let bed = one_connection().await;
    let before = ask(&bed, question).await;
    for keep in [true, false] {
        let _: Result<(), AppError> = bed
            .factory
            .with_session(async |db| {
                for sql in change {
                    db.batch_execute(sql).await?;
                }
                if keep {
                    Ok(())
                } else {
                    Err(AppError::Refused("no"))
                }
            })
            .await;
        assert_eq!(ask(&bed, question).await, before, "{change:?}");
    }
}

#[tokio::test]
async fn session_variables_are_put_back() {
    unchanged_after(
        &[
            "SET SESSION sql_mode = ''",
            "SET time_zone = '+05:00'",
            "SET NAMES latin1",
        ],
        "concat(@@sql_mode, @@time_zone, @@character_set_client, @@autocommit)",
    )
    .await;
}

#[tokio::test]
async fn autocommit_is_put_back() {
    unchanged_after(&["SET autocommit = 1"], "cast(@@autocommit AS char)").await;
}

#[tokio::test]
async fn user_variables_are_forgotten() {
    unchanged_after(&["SET @a = 'x'"], "coalesce(@a, 'none')").await;
    unchanged_after(&["SELECT 'x' INTO @a"], "coalesce(@a, 'none')").await;
}

#[tokio::test]
async fn named_locks_are_released() {
    unchanged_after(
        &["DO GET_LOCK('session_factory_tests', 5)"],
        "coalesce(cast(is_used_lock('session_factory_tests') AS char), 'free')",
    )
    .await;
}

#[tokio::test]
async fn what_no_tracker_tells_is_put_back_whoever_sent_it() {
    let user_variable = "coalesce(cast(@leak AS char), 'none')";
    unchanged_after(&["SELECT 5 INTO@leak"], user_variable).await;
    unchanged_after_query("SELECT 5 INTO@leak", user_variable).await;
    let lock = "coalesce(cast(is_used_lock('h') AS char), 'free')";
    for sql in [
        "SELECT `get_lock`('h',1)",
        "SELECT get_lock ('h',1)",
        "SELECT get_lock/**/('h',1)",
        "DO get_lock('h', 1)",
    ] {
        unchanged_after_query(sql, lock).await;
    }
    let last = "cast(last_insert_id() AS char)";
    unchanged_after_query("SELECT LAST_INSERT_ID(4242)", last).await;
}

/// The same for a statement that is prepared.
async fn unchanged_after_query(change: &'static str, question: &'static str) {
    let bed = one_connection().await;
    let before = ask(&bed, question).await;
    bed.factory
        .with_session(async |db| diesel::sql_query(change).execute(db).await)
        .await
        .unwrap();
    assert_eq!(ask(&bed, question).await, before, "{change}");
}

#[tokio::test]
async fn a_transaction_that_may_only_read_is_not_left_to_the_next_borrower() {
    let bed = one_connection().await;
    bed.factory
        .with_session(async |db| {
            let text = "INSERT INTO items VALUES (1, 'x'); COMMIT; SET TRANSACTION READ ONLY";
            db.batch_execute(text).await
        })
        .await
        .unwrap();
    bed.factory
        .with_session(async |db| insert(db, 2).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn temporary_tables_are_dropped() {
    let bed = one_connection().await;
    for _ in 0..2 {
        bed.factory
            .with_session(async |db| {
                db.batch_execute("CREATE TEMPORARY TABLE mine (id int)")
                    .await
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn locked_tables_are_unlocked() {
    let bed = MyBed::new().await;
    bed.factory
        .with_session(async |db| db.batch_execute("LOCK TABLES items READ").await)
        .await
        .unwrap();
    quiet(&bed).await;
    bed.factory
        .with_session(async |db| insert(db, 1).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_database_is_the_urls_again() {
    unchanged_after(&["USE information_schema"], "database()").await;
}

#[tokio::test]
async fn a_reset_connection_goes_on_and_its_statements_are_prepared_again() {
    let bed = MyBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
    .await;
    for id in 0..5 {
        bed.factory
            .with_session(async |db| {
                db.batch_execute("SET @a = 1").await?;
                insert(db, id).await
            })
            .await
            .unwrap();
        quiet(&bed).await;
    }
    let counts = bed.proxy().counts();
    assert_eq!((counts.opened, counts.message('R')), (1, 5));
    assert_eq!(bed.count().await, 5);
}

#[tokio::test]
async fn a_session_that_changed_nothing_is_not_reset() {
    let bed = MyBed::proxied(|_| {}).await;
    bed.factory
        .with_session(async |db| insert(db, 1).await)
        .await
        .unwrap();
    quiet(&bed).await;
    assert_eq!(bed.proxy().counts().message('R'), 0);
}

#[tokio::test]
async fn statement_timeout_is_the_connections_own_and_outlives_a_reset() {
    let bed = MyBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.statement_timeout = Some(std::time::Duration::from_millis(200));
    })
    .await;
    for _ in 0..2 {
        let error = bed
            .factory
            .with_session(async |db| {
                db.batch_execute("SET @a = 1").await?;
                db.batch_execute("SELECT SLEEP(60) FROM seq_1_to_10").await
            })
            .await
            .unwrap_err();
        assert!(error.to_string().contains("max_statement_time"), "{error}");
    }
}

#[tokio::test]
async fn a_statement_cache_of_none_prepares_each_time() {
    let bed = MyBed::proxied(|config| config.statement_cache = Some(0)).await;
    bed.proxy().reset_counts();
    for id in 0..3 {
        bed.factory
            .with_session(async |db| insert(db, id).await)
            .await
            .unwrap();
    }
    let sql = bed.proxy().statements();
    let inserts = |kind| {
        sql.iter()
            .filter(|one| one.kind == kind && one.sql.starts_with("INSERT"))
            .count()
    };
    assert_eq!(inserts(StatementKind::Parse), 3, "{sql:?}");
}
