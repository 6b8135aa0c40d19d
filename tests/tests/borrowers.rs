//! No state of a session reaches the connection's next borrower.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::Session;
use session_factory_tests::{AppError, LiteBed, PgBed, PgDb};

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

/// One connection, so that the next borrower gets the same one.
async fn bed() -> PgBed {
    PgBed::one_proxied_connection().await
}

async fn ask(bed: &PgBed, sql: &'static str) -> String {
    bed.factory
        .with_session(async move |db| {
            let value: Value = diesel::sql_query(sql).get_result(db).await?;
            Ok::<_, AppError>(value.value)
        })
        .await
        .unwrap()
}

async fn unchanged_after(change: &'static [&'static str], question: &'static str) {
    let bed = bed().await;
    let before = ask(&bed, question).await;
    bed.factory
        .with_session(async move |db| {
            for sql in change {
                db.batch_execute(sql).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(ask(&bed, question).await, before, "after {change:?}");
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

#[tokio::test]
async fn set_is_put_back() {
    unchanged_after(
        &["SET work_mem = '77MB'"],
        "SELECT current_setting('work_mem') AS value",
    )
    .await;
}

#[tokio::test]
async fn the_search_path_and_the_time_zone_are_put_back() {
    unchanged_after(
        &["SET search_path = pg_catalog", "SET TIME ZONE 'Asia/Tokyo'"],
        "SELECT current_setting('search_path') || current_setting('timezone') AS value",
    )
    .await;
}

#[tokio::test]
async fn the_role_is_put_back() {
    unchanged_after(&["SET ROLE reader"], "SELECT current_user::text AS value").await;
}

#[tokio::test]
async fn set_config_is_put_back() {
    unchanged_after(
        &["SELECT set_config('work_mem', '77MB', false)"],
        "SELECT current_setting('work_mem') AS value",
    )
    .await;
}

#[tokio::test]
async fn what_blocks_procedures_and_pg_settings_change_is_put_back() {
    for change in [
        &["DO $$ BEGIN PERFORM set_config('work_mem', '77MB', false); END $$"] as &[_],
        &[
            "CREATE PROCEDURE change() LANGUAGE plpgsql AS 'BEGIN SET work_mem = ''77MB''; END'",
            "CALL change()",
        ],
        &["UPDATE pg_settings SET setting = '77000' WHERE name = 'work_mem'"],
        &["SELECT U&\"set\\005fconfig\"('work_mem', '77MB', false)"],
        &["UPDATE U&\"pg!005fsettings\" UESCAPE '!' SET setting = '77000' WHERE name = 'work_mem'"],
    ] {
        unchanged_after(change, "SELECT current_setting('work_mem') AS value").await;
    }
}

#[tokio::test]
async fn a_temporary_table_made_of_a_query_is_dropped() {
    unchanged_after(
        &["CREATE TEMP TABLE secrets AS SELECT 'a' AS secret"],
        "SELECT count(*)::text AS value FROM pg_class WHERE relname = 'secrets'",
    )
    .await;
}

#[tokio::test]
async fn advisory_locks_are_released() {
    unchanged_after(
        &["SELECT pg_advisory_lock(7)"],
        "SELECT count(*)::text AS value FROM pg_locks WHERE locktype = 'advisory'",
    )
    .await;
}

#[tokio::test]
async fn listen_is_ended() {
    unchanged_after(
        &["LISTEN news"],
        "SELECT count(*)::text AS value FROM pg_listening_channels()",
    )
    .await;
}

#[tokio::test]
async fn temporary_tables_are_dropped() {
    unchanged_after(
        &["CREATE TEMPORARY TABLE scratch (id int)"],
        "SELECT count(*)::text AS value FROM pg_class WHERE relname = 'scratch'",
    )
    .await;
}

#[tokio::test]
async fn cursors_with_hold_are_closed() {
    unchanged_after(
        &["DECLARE open_cursor CURSOR WITH HOLD FOR SELECT 1"],
        "SELECT count(*)::text AS value FROM pg_cursors",
    )
    .await;
}

#[tokio::test]
async fn a_statement_prepared_by_name_costs_the_connection() {
    let bed = bed().await;
    for _ in 0..2 {
        bed.factory
            .with_session(async |db| {
                db.batch_execute("PREPARE mine AS SELECT 1").await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    }
    assert_eq!(bed.proxy().counts().opened, 2);
}

#[tokio::test]
async fn a_session_that_changed_nothing_pays_nothing() {
    let bed = bed().await;
    ask(&bed, "SELECT 'x'::text AS value").await;
    bed.proxy().reset_counts();
    ask(&bed, "SELECT 'x'::text AS value").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sql = bed.proxy().sql();
    assert!(sql.iter().all(|sql| !sql.contains("RESET")), "{sql:?}");
}

#[tokio::test]
async fn settings_changed_by_a_dropped_session_are_put_back() {
    let bed = bed().await;
    let question = "SELECT current_setting('work_mem') AS value";
    let before = ask(&bed, question).await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute("SET work_mem = '77MB'").await.unwrap();
    db.commit().await.unwrap();
    db.batch_execute("SET work_mem = '88MB'").await.unwrap();
    drop(db);
    assert_eq!(ask(&bed, question).await, before);
}

#[tokio::test]
async fn statement_timeout_is_the_connections_own_and_outlives_a_reset() {
    let bed = PgBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.statement_timeout = Some(Duration::from_millis(100));
    })
    .await;
    for _ in 0..2 {
        let error = bed
            .factory
            .with_session(async |db| {
                db.batch_execute("SET search_path = pg_catalog; SET LOCAL statement_timeout = 0")
                    .await?;
                db.batch_execute("RESET statement_timeout").await?;
                db.batch_execute("SELECT pg_sleep(10)").await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap_err();
        assert!(error.to_string().contains("statement timeout"), "{error}");
    }
}

#[tokio::test]
async fn a_statement_cache_of_any_other_number_keeps_all() {
    let bed = PgBed::with(|config| config.statement_cache = Some(1)).await;
    let body = async |db: &mut Session<PgDb>| {
        let items = session_factory_tests::items::table;
        let _count: i64 = items.count().get_result(db).await?;
        let _ids: Vec<i32> = items
            .select(session_factory_tests::items::id)
            .load(db)
            .await?;
        let kept: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ite' || 'ms%'",
        )
        .get_result(db)
        .await?;
        Ok::<_, AppError>(kept)
    };
    assert_eq!(bed.factory.with_session(body).await.unwrap(), 2);
}

#[tokio::test]
async fn a_statement_cache_of_none_prepares_nothing_and_comes_back_after_a_session() {
    let bed = PgBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.statement_cache = Some(0);
    })
    .await;
    for session in 0..3 {
        let kept = bed
            .factory
            .with_session(async |db| {
                if session == 1 {
                    db.set_prepared_statement_cache_size(diesel::connection::CacheSize::Unbounded);
                }
                let _count: i64 = session_factory_tests::items::table
                    .count()
                    .get_result(db)
                    .await?;
                let kept: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(
                    "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%ite' || 'ms%'",
                )
                .get_result(db)
                .await?;
                Ok::<_, AppError>(kept)
            })
            .await
            .unwrap();
        assert_eq!(kept > 0, session == 1, "session {session}: {kept}");
    }
}

/// A text that selects one number. Its `QueryId` wrongly claims that the type determines the SQL.
#[derive(diesel::query_builder::QueryId)]
struct Number(String);

impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for Number {
    fn walk_ast<'b>(
        &'b self,
        mut pass: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
    ) -> QueryResult<()> {
        pass.push_sql(&self.0);
        Ok(())
    }
}

impl diesel::query_builder::Query for Number {
    type SqlType = diesel::sql_types::Integer;
}

impl Number {
    fn of(number: i32) -> Self {
        Self(format!("SELECT {number}"))
    }

    fn of_rows(table: &str) -> Self {
        Self(format!("SELECT count(*)::int FROM {table}"))
    }
}

#[tokio::test]
async fn without_prepared_statements_every_query_runs_by_its_own_text() {
    let bed = PgBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.statement_cache = Some(0);
    })
    .await;
    for number in 1..4 {
        let answer = bed
            .factory
            .with_session(async move |db| Number::of(number).get_result::<i32>(db).await)
            .await;
        assert_eq!(answer, Ok(number));
    }
}

#[tokio::test]
async fn a_text_whose_statement_was_never_prepared_is_not_sent_for_another_query() {
    let bed = PgBed::one_connection().await;
    let count_of = async |table| {
        bed.factory
            .with_session(async move |db| Number::of_rows(table).get_result::<i32>(db).await)
            .await
    };
    count_of("nowhere").await.unwrap_err();
    assert_eq!(count_of("items").await, Ok(0));
}

#[tokio::test]
async fn a_cache_that_is_switched_off_on_the_raw_connection_is_off_for_the_session() {
    let bed = PgBed::one_connection().await;
    let answers = bed
        .factory
        .with_session(async |db| {
            let first = Number::of(1).get_result::<i32>(db).await?;
            let raw = db.connection().await?;
            raw.set_prepared_statement_cache_size(diesel::connection::CacheSize::Disabled);
            Ok::<_, AppError>([first, Number::of(2).get_result::<i32>(db).await?])
        })
        .await;
    assert_eq!(answers.unwrap(), [1, 2]);
}

#[tokio::test]
async fn instrumentation_of_a_session_ends_with_it() {
    use diesel::connection::InstrumentationEvent;
    use diesel_async::AsyncConnection;
    // A mutex, because an atomic's `load` would resolve to diesel's method here.
    static SEEN: Mutex<u32> = Mutex::new(0);
    let seen = || *SEEN.lock().unwrap();
    let bed = bed().await;
    bed.factory
        .with_session(async |db| {
            db.set_instrumentation(|_: InstrumentationEvent<'_>| {
                *SEEN.lock().unwrap() += 1;
            });
            db.batch_execute("SELECT 1").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    let before = seen();
    assert!(before > 0);
    ask(&bed, "SELECT 'x'::text AS value").await;
    assert_eq!(seen(), before);
}

#[tokio::test]
async fn a_sqlite_pragma_is_put_back() {
    #[derive(QueryableByName)]
    struct Keys {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        foreign_keys: i32,
    }
    let bed = LiteBed::one_connection().await;
    let mut db = bed.factory.create_session().await.unwrap();
    // The pragma works only outside a transaction.
    db.batch_execute("COMMIT; PRAGMA foreign_keys = OFF")
        .await
        .unwrap();
    drop(db);
    let keys = bed
        .factory
        .with_session(async |db| {
            let keys: Keys = diesel::sql_query("PRAGMA foreign_keys")
                .get_result(db)
                .await?;
            Ok::<_, AppError>(keys.foreign_keys)
        })
        .await
        .unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn temporary_objects_are_dropped_however_they_are_made() {
    let question = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) \
         + (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()) \
         + (SELECT count(*) FROM pg_type WHERE typnamespace = pg_my_temp_schema()) || '' AS value";
    for change in [
        &["SELECT 'a' AS secret INTO\n  TEMP TABLE secrets"],
        &["CREATE\n TEMP TABLE secrets AS SELECT 'a' AS secret"],
        &["CREATE LOCAL TEMP TABLE secrets AS SELECT 'a' AS secret"],
        &["CREATE TABLE pg_temp.secrets AS SELECT 'a' AS secret"],
        &["CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
        &["CREATE TYPE pg_temp.mood AS ENUM ('a')"],
    ] {
        unchanged_after(change, question).await;
    }
}

#[tokio::test]
async fn what_a_long_text_changes_is_put_back() {
    for length in [20_000, 400_000] {
        let padding = "x".repeat(length);
        for (sql, question) in [
            (
                "SELECT pg_advisory_lock(7)",
                "SELECT count(*)::text AS value FROM pg_locks WHERE locktype = 'advisory'",
            ),
            (
                "SELECT set_config('work_mem', '77MB', false)",
                "SELECT current_setting('work_mem') AS value",
            ),
        ] {
            let bed = bed().await;
            let before = ask(&bed, question).await;
            for prepared in [false, true] {
                let text = format!("/*{padding}*/ {sql}");
                bed.factory
                    .with_session(async move |db| {
                        if prepared {
                            diesel::sql_query(text).execute(db).await?;
                        } else {
                            db.batch_execute(&text).await?;
                        }
                        Ok::<_, AppError>(())
                    })
                    .await
                    .unwrap();
                assert_eq!(
                    ask(&bed, question).await,
                    before,
                    "{sql} {length} {prepared}"
                );
            }
        }
    }
}

#[tokio::test]
async fn instrumentation_of_the_raw_connection_ends_with_the_session() {
    use diesel::connection::InstrumentationEvent;
    static SEEN: Mutex<u32> = Mutex::new(0);
    let seen = || *SEEN.lock().unwrap();
    let bed = bed().await;
    bed.factory
        .with_session(async |db| {
            let raw = db.connection().await?;
            raw.set_instrumentation(|_: InstrumentationEvent<'_>| {
                *SEEN.lock().unwrap() += 1;
            });
            raw.batch_execute("SELECT 1").await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    let before = seen();
    assert!(before > 0);
    ask(&bed, "SELECT 'x'::text AS value").await;
    assert_eq!(seen(), before);
}

/// Reads all columns of a table, which change when the table is altered.
async fn read_all(db: &mut Session<PgDb>) -> Result<usize, AppError> {
    Ok(diesel::sql_query("SELECT * FROM items").execute(db).await?)
}

#[tokio::test]
async fn a_table_that_was_altered_costs_a_connection_one_error_and_a_retry_none() {
    for retries in [0, 1] {
        let bed = bed().await;
        let call = || {
            bed.factory
                .session()
                .retry(retries)
                .run(async |db| read_all(db).await)
        };
        // From the second use on, the statement stays prepared.
        for _ in 0..3 {
            call().await.unwrap();
        }
        bed.run("ALTER TABLE items ADD COLUMN more int").await;
        let result = call().await;
        if retries == 0 {
            let Err(AppError::Query(diesel::result::Error::DatabaseError(kind, said))) = result
            else {
                panic!("{result:?}")
            };
            assert!(said.message().contains("cached plan"), "{}", said.message());
            assert!(matches!(
                kind,
                diesel::result::DatabaseErrorKind::SerializationFailure
            ));
        } else {
            result.unwrap();
        }
        call().await.unwrap();
        assert_eq!(bed.proxy().counts().opened, 2);
    }
}
