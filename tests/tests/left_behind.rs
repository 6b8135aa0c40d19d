//! What calls and settings leave on a session's connection, and the cost of cleaning up. The cost
//! is nothing if they end with the transaction, and a reset if the driver cannot know.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::Session;
use session_factory_tests::{AppError, PgBed, PgDb, items};
use testbed::eventually;
use testbed::proxy::Direction;

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

/// One connection, so that the next borrower gets the same one.
async fn bed() -> PgBed {
    PgBed::one_proxied_connection().await
}

async fn ask(bed: &PgBed, sql: &str) -> String {
    let sql = sql.to_owned();
    bed.factory
        .with_session(async move |db| {
            let value: Value = diesel::sql_query(sql).get_result(db).await?;
            Ok::<_, AppError>(value.value)
        })
        .await
        .unwrap()
}

async fn run(bed: &PgBed, texts: &[&str]) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    bed.factory
        .with_session(async move |db| {
            for text in texts {
                db.batch_execute(&text).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
}

/// Runs queries that diesel builds, in their own session. Returns the SQL that reached the server
/// from the session's first statement on, until the connection is free again.
async fn plain_session(bed: &PgBed) -> Vec<String> {
    at_rest(bed).await;
    bed.proxy().reset_counts();
    bed.factory
        .with_session(async |db| {
            let _count: i64 = items::table.count().get_result(db).await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    at_rest(bed).await;
    bed.proxy().sql()
}

/// Waits until the only connection is back in the pool.
async fn at_rest(bed: &PgBed) {
    drop(bed.factory.create_session().await.unwrap());
}

fn resets(texts: &[String]) -> usize {
    texts
        .iter()
        .filter(|text| text.contains("RESET ALL"))
        .count()
}

/// Creates functions whose effects their calls do not show.
async fn with_functions(bed: &PgBed) {
    let url = bed.database.url();
    bed.run(&format!(
        "RESET ROLE; CREATE EXTENSION dblink; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC; \
         CREATE FUNCTION opens(name text) RETURNS text LANGUAGE sql \
         AS $$SELECT public.dblink_connect_u(name, '{url}')$$; \
         CREATE FUNCTION opens_one() RETURNS text LANGUAGE sql \
         AS $$SELECT public.dblink_connect_u('{url}')$$; \
         CREATE FUNCTION settles() RETURNS text LANGUAGE sql \
         AS $$SELECT set_config('work_mem', '77MB', false)$$"
    ))
    .await;
}

#[tokio::test]
async fn a_connection_that_a_session_opened_on_the_server_reaches_no_later_borrower() {
    let bed = bed().await;
    with_functions(&bed).await;
    let url = bed.database.url();
    let named = format!("SELECT dblink_connect_u('left', '{url}')");
    let unnamed = format!("SELECT dblink_connect_u('{url}')");
    for text in [
        named.as_str(),
        unnamed.as_str(),
        "SELECT opens('left')",
        "SELECT public.opens_one()",
        "SELECT opens('left'), opens('right'), opens_one()",
        "DO $$ BEGIN PERFORM opens('left'); END $$",
        "SELECT \"opens\" ('left')",
        "SELECT /* a comment */ opens/**/('left')",
        "SELECT query_to_xml('SELECT ope' || 'ns(''left'')', true, true, '')",
    ] {
        for prepared in [false, true] {
            let sql = text.to_owned();
            bed.factory
                .with_session(async move |db| {
                    if prepared {
                        diesel::sql_query(sql).execute(db).await?;
                    } else {
                        db.batch_execute(&sql).await?;
                    }
                    Ok::<_, AppError>(())
                })
                .await
                .unwrap();
            let left = ask(
                &bed,
                "SELECT coalesce(array_to_string(dblink_get_connections(), ','), '') AS value",
            )
            .await;
            assert_eq!(left, "", "{text} {prepared}");
            let one = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
            let database = &bed.database;
            eventually(testbed::PATIENCE, "one backend is left", || async {
                database.integer(one).await == 1
            })
            .await;
        }
    }
}

#[tokio::test]
async fn what_no_reset_undoes_costs_the_connection() {
    let bed = bed().await;
    let random = "SELECT random()::text AS value";
    run(&bed, &["SELECT setseed(0.5)"]).await;
    let first = ask(&bed, random).await;
    run(&bed, &["SELECT setseed(0.5)"]).await;
    assert_ne!(ask(&bed, random).await, first);
    assert_eq!(bed.proxy().counts().opened, 3);
}

#[tokio::test]
async fn what_a_function_of_the_applications_changes_is_put_back() {
    let bed = bed().await;
    with_functions(&bed).await;
    let question = "SELECT current_setting('work_mem') AS value";
    let before = ask(&bed, question).await;
    for _ in 0..3 {
        assert_eq!(ask(&bed, "SELECT settles() AS value").await, "77MB");
        assert_eq!(ask(&bed, question).await, before);
    }
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

#[tokio::test]
async fn a_function_whose_name_newer_servers_alone_know_is_put_back() {
    let bed = bed().await;
    let version = bed
        .database
        .integer("SELECT current_setting('server_version_num')::bigint")
        .await;
    let question = "SELECT current_setting('work_mem') AS value";
    let before = ask(&bed, question).await;
    for (name, keyword_since) in [
        ("json_array", 16),
        ("json_arrayagg", 16),
        ("json_objectagg", 16),
        ("json_exists", 17),
        ("json_query", 17),
        ("json_scalar", 17),
        ("json_serialize", 17),
        ("json_table", 17),
        ("json_value", 17),
        ("merge_action", 17),
        // A function of newer servers, and no keyword.
        ("any_value", 999),
    ] {
        bed.run(&format!(
            "CREATE FUNCTION \"{name}\"(text) RETURNS text LANGUAGE sql \
             AS $$SELECT set_config('work_mem', $1, false)$$"
        ))
        .await;
        // Where it is a keyword, only the quoted name is the function's.
        let quote = if version >= keyword_since * 10_000 {
            "\""
        } else {
            ""
        };
        let call = format!("SELECT {quote}{name}{quote}('77MB') AS value");
        assert_eq!(ask(&bed, &call).await, "77MB", "{name}");
        assert_eq!(ask(&bed, question).await, before, "{name}");
    }
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

#[tokio::test]
async fn what_diesel_builds_calls_no_function_that_costs_a_reset() {
    use diesel::dsl::{count_star, max, now, sum};
    use diesel::sql_types::Timestamptz;
    diesel::define_sql_function! { fn lower(value: Text) -> Text; }
    diesel::define_sql_function! { fn coalesce(value: Nullable<Text>, other: Text) -> Text; }
    let bed = bed().await;
    bed.proxy().reset_counts();
    bed.factory
        .with_session(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("a")))
                .on_conflict(items::id)
                .do_update()
                .set(items::name.eq("b"))
                .execute(db)
                .await?;
            let _some: Vec<(i64, Option<i32>)> = items::table
                .group_by(items::name)
                .select((count_star(), max(items::id)))
                .filter(lower(items::name).eq_any(["a", "b"]))
                .filter(items::id.between(1, 2).or(items::name.like("a%")))
                .order_by(count_star())
                .load(db)
                .await?;
            let _sum: Option<i64> = items::table
                .filter(items::id.eq_any([1, 2]))
                .select(sum(items::id))
                .first(db)
                .await?;
            let _now: bool = diesel::select(now.into_sql::<Timestamptz>().is_not_null())
                .get_result(db)
                .await?;
            let _text: String = diesel::select(coalesce(None::<String>, "a"))
                .get_result(db)
                .await?;
            let _is: bool = diesel::select(diesel::dsl::exists(items::table.find(1)))
                .get_result(db)
                .await?;
            diesel::delete(items::table.find(1)).execute(db).await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    at_rest(&bed).await;
    assert_eq!(resets(&bed.proxy().sql()), 0);
}

/// Settings that end with the transaction.
const LOCAL: [&str; 9] = [
    "SELECT set_config('app.tenant', 'ada', true)",
    "SELECT pg_catalog.set_config('app.tenant', lower('ADA'), TRUE)",
    "SET LOCAL work_mem = '77MB'",
    "SET LOCAL ROLE reader",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SELECT pg_advisory_xact_lock(7)",
    "SELECT pg_try_advisory_xact_lock(7)",
    "SELECT pg_advisory_xact_lock(hashtext('a'))",
    "SELECT nextval('numbers')",
];

#[tokio::test]
async fn what_ends_with_the_transaction_costs_nothing_then_or_later() {
    let bed = bed().await;
    bed.run("CREATE SEQUENCE numbers; GRANT ALL ON numbers TO PUBLIC")
        .await;
    for text in LOCAL {
        for prepared in [false, true] {
            bed.proxy().reset_counts();
            // Three times, because a repeated text stays prepared.
            for _ in 0..3 {
                bed.factory
                    .with_session(async |db| {
                        if prepared {
                            diesel::sql_query(text).execute(db).await?;
                        } else {
                            db.batch_execute(text).await?;
                        }
                        Ok::<_, AppError>(())
                    })
                    .await
                    .unwrap();
            }
            at_rest(&bed).await;
            assert_eq!(resets(&bed.proxy().sql()), 0, "{text} {prepared}");
            assert_eq!(resets(&plain_session(&bed).await), 0, "{text} {prepared}");
        }
    }
    assert_eq!(bed.proxy().counts().opened, 0, "the connection was kept");
}

#[tokio::test]
async fn a_set_that_stays_is_put_back_wherever_it_stands() {
    let bed = bed().await;
    let question = "SELECT current_setting('work_mem') AS value";
    let before = ask(&bed, question).await;
    for texts in [
        &["SET LOCAL work_mem = '66MB'; SET work_mem = '77MB'"] as &[_],
        &["SET work_mem = '77MB'; SET LOCAL work_mem = '66MB'"],
        &["SET LOCAL work_mem = '66MB'", "SET work_mem = '77MB'"],
        &["SELECT set_config('a.b', 'c', true), set_config('work_mem', '77MB', false)"],
        &["SET local.a = 'b'; SELECT 1; SET SESSION work_mem = '77MB'"],
        &["SELECT '\\'; SET LOCAL a.b = '\\'; SET work_mem = '77MB'"],
    ] {
        run(&bed, texts).await;
        assert_eq!(ask(&bed, question).await, before, "{texts:?}");
    }
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

/// A setting for row-level security, with its name and value as binds.
/// Names the schema of temporary objects, but not in one word.
const PATHS_TO_TEMPORARY: [&str; 4] = [
    "SELECT set_config($1, $2, true) AS value",
    "SELECT set_config('search_path', 'pg_' || 'temp, public', true) AS value",
    "SELECT set_config('search_' || 'path', 'pg_' || 'temp, public', true) AS value",
    "SET LOCAL search_path TO 'pg_'\n'temp', public",
];

#[tokio::test]
async fn what_a_search_path_makes_temporary_reaches_no_later_borrower() {
    let question = "SELECT ((SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) \
         + (SELECT count(*) FROM pg_proc WHERE pronamespace = pg_my_temp_schema()) \
         + (SELECT count(*) FROM pg_type WHERE typnamespace = pg_my_temp_schema()))::text AS value";
    let bed = bed().await;
    for path in PATHS_TO_TEMPORARY {
        for definition in [
            "CREATE TABLE items AS SELECT 7 AS id, 'secret' AS name",
            "SELECT 7 AS id, E'a\\'' AS name INTO items",
            "SELECT 7 AS id, 'secret' AS name INTO items",
            "CREATE TYPE mood AS ENUM ('a')",
            "CREATE DOMAIN positive AS int",
            "CREATE FUNCTION pg_temp_f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ] {
            for prepared in [false, true] {
                let body = async |db: &mut Session<PgDb>| {
                    if path.contains('$') {
                        diesel::sql_query(path)
                            .bind::<Text, _>("search_path")
                            .bind::<Text, _>("pg_temp, public")
                            .get_result::<Value>(db)
                            .await?;
                    } else {
                        db.batch_execute(path).await?;
                    }
                    if prepared {
                        diesel::sql_query(definition).execute(db).await?;
                    } else {
                        db.batch_execute(definition).await?;
                    }
                    Ok::<_, AppError>(())
                };
                bed.factory.with_session(body).await.unwrap();
                let left = ask(&bed, question).await;
                assert_eq!(left, "0", "{path}: {definition} {prepared}");
            }
        }
    }
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

async fn tenant(db: &mut Session<PgDb>, tenant: &str, local: bool) -> Result<String, AppError> {
    let value: Value = diesel::sql_query("SELECT set_config($1, $2, $3) AS value")
        .bind::<Text, _>("app.tenant")
        .bind::<Text, _>(tenant)
        .bind::<Bool, _>(local)
        .get_result(db)
        .await?;
    Ok(value.value)
}

#[tokio::test]
async fn a_bound_setting_that_stays_is_put_back_whenever_it_runs() {
    let bed = bed().await;
    let question = "SELECT coalesce(current_setting('app.tenant', true), '') AS value";
    for round in 0..4 {
        bed.factory
            .with_session(async |db| tenant(db, "ada", round % 2 == 0).await)
            .await
            .unwrap();
        assert_eq!(ask(&bed, question).await, "", "round {round}");
    }
}

#[tokio::test]
async fn a_read_only_function_keeps_its_early_return_beside_a_tenants_setting() {
    let bed = bed().await;
    bed.proxy().delay(Direction::ToClient, HELD_BACK);
    for text in [
        "SELECT set_config('app.tenant', 'ada', true)",
        "SET LOCAL work_mem = '77MB'",
    ] {
        for prepared in [false, true, true, true] {
            returns_early(&bed, text, prepared, true).await;
        }
        returns_early(&bed, "SELECT 1", false, true).await;
    }
}

#[tokio::test]
async fn a_read_only_function_waits_for_its_commit_where_a_call_may_have_written() {
    let bed = bed().await;
    bed.proxy().delay(Direction::ToClient, HELD_BACK);
    bed.run("CREATE FUNCTION reads() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        .await;
    for text in [
        "SELECT lo_from_bytea(0, 'abc')",
        "SELECT reads()",
        "SELECT pg_advisory_xact_lock(7)",
        "SET LOCAL transaction_isolation = 'read committed'",
        "SELECT txid_current()",
    ] {
        for prepared in [false, true, true, true] {
            returns_early(&bed, text, prepared, false).await;
        }
        // That setting belonged to the session, not to the connection.
        returns_early(&bed, "SELECT 1", false, true).await;
    }
}

/// How long answers are delayed, so that a COMMIT is still under way when its call has returned.
const HELD_BACK: Duration = Duration::from_millis(80);

/// Checks whether a read-only session with this text returns before its COMMIT is answered.
async fn returns_early(bed: &PgBed, text: &str, prepared: bool, early: bool) {
    at_rest(bed).await;
    bed.proxy().reset_counts();
    let session = bed.factory.session().read_only();
    let result = session.run(async |db: &mut Session<PgDb>| {
        if prepared {
            diesel::sql_query(text).execute(db).await?;
        } else {
            db.batch_execute(text).await?;
        }
        let _count: i64 = items::table.count().get_result(db).await?;
        Ok::<_, AppError>(())
    });
    result.await.unwrap();
    if early {
        assert_eq!(bed.factory.status().recovering, 1, "{text} {prepared}");
    } else {
        let texts = bed.proxy().sql();
        assert!(
            texts.iter().any(|text| text == "COMMIT"),
            "{text} {prepared}: {texts:?}"
        );
    }
    at_rest(bed).await;
}

#[tokio::test]
async fn a_long_text_costs_a_reset_and_not_the_connection() {
    let bed = bed().await;
    for length in [300 * 1024, 10 * 1024 * 1024] {
        for prepared in [false, true] {
            let text = format!(
                "INSERT INTO items (id, name) VALUES (1, '{}') ON CONFLICT (id) DO NOTHING",
                "x".repeat(length)
            );
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
            assert_eq!(resets(&plain_session(&bed).await), 0, "{length} {prepared}");
            assert_eq!(bed.proxy().counts().opened, 0, "the connection was kept");
        }
    }
    assert_eq!(bed.count().await, 1);
}
