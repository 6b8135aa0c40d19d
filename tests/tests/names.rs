//! Cached data on a connection are valid for what names meant when they were cached: tables, types,
//! search paths.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;

use diesel::PgArrayExpressionMethods;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::{ExpressionMethods, QueryDsl};

use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use session_factory::Session;
use session_factory_tests::{AppError, PgBed, PgDb, items};

#[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
#[derive(Debug)]
pub struct MoodType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = MoodType)]
pub enum Mood {
    Happy,
    Sad,
}

impl ToSql<MoodType, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(match self {
            Self::Happy => b"happy",
            Self::Sad => b"sad",
        })?;
        Ok(IsNull::No)
    }
}

impl FromSql<MoodType, Pg> for Mood {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            b"happy" => Ok(Self::Happy),
            _ => Ok(Self::Sad),
        }
    }
}

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use crate::MoodType;

        people (id) {
            id -> Integer,
            mood -> MoodType,
            moods -> Array<MoodType>,
        }
    }
}
use schema::people;

const PEOPLE: &str = "CREATE TYPE mood AS ENUM ('happy', 'sad'); \
     CREATE TABLE people (id SERIAL PRIMARY KEY, mood mood NOT NULL, moods mood[] NOT NULL)";

/// One connection, so that each session gets the same one.
async fn bed() -> PgBed {
    PgBed::one_proxied_connection().await
}

/// Two schemas, each with a type and a table of the same name.
async fn tenants(bed: &PgBed) {
    for tenant in ["a", "b"] {
        let sql = format!(
            "CREATE SCHEMA {tenant}; SET search_path TO {tenant}; {PEOPLE}; RESET search_path"
        );
        bed.run(&sql).await;
    }
}

/// Uses the type in values, in arrays, in an expression and in a result.
async fn meet(db: &mut Session<PgDb>, mood: Mood) -> Result<(), diesel::result::Error> {
    let new = (
        people::mood.eq(mood),
        people::moods.eq(vec![mood, Mood::Sad]),
    );
    let id: i32 = diesel::insert_into(people::table)
        .values(new)
        .returning(people::id)
        .get_result(db)
        .await?;
    let found: Vec<(Mood, Vec<Mood>)> = people::table
        .filter(people::id.eq(id))
        .filter(people::mood.eq(mood))
        .filter(PgArrayExpressionMethods::contains(
            people::moods,
            vec![mood],
        ))
        .select((people::mood, people::moods))
        .load(db)
        .await?;
    assert_eq!(found, [(mood, vec![mood, Mood::Sad])]);
    diesel::update(people::table.find(id))
        .set(people::mood.eq(Mood::Sad))
        .execute(db)
        .await?;
    let texts = diesel::sql_query("SELECT id FROM people WHERE mood = ANY($1)")
        .bind::<Array<MoodType>, _>(vec![Mood::Sad])
        .execute(db)
        .await?;
    assert!(texts > 0);
    Ok(())
}

#[tokio::test]
async fn each_tenant_has_types_and_statements_of_its_own() {
    let bed = bed().await;
    tenants(&bed).await;
    for (how, prepared) in [
        ("SET LOCAL search_path TO TENANT, public", false),
        ("SET LOCAL search_path TO TENANT, public", true),
        ("SELECT set_config('search_path', 'TENANT', true)", false),
        ("SELECT set_config('search_path', 'TENANT', true)", true),
        (
            "SELECT set_config('search' || '_path', 'TENANT', true), 'search_path'",
            true,
        ),
        ("SET LOCAL SCHEMA 'TENANT'", false),
        ("SET search_path TO TENANT", false),
        ("SELECT set_config('search_path', 'TENANT', false)", true),
        (
            "SAVEPOINT s; SET LOCAL search_path TO TENANT; RELEASE s",
            false,
        ),
        ("DO $$ BEGIN SET LOCAL search_path TO TENANT; END $$", false),
    ] {
        for tenant in ["a", "b", "a", "b", "b", "a"] {
            let text = how.replace("TENANT", tenant);
            bed.factory
                .with_session(async |db| {
                    if prepared {
                        diesel::sql_query(&text).execute(db).await?;
                    } else {
                        db.batch_execute(&text).await?;
                    }
                    meet(db, Mood::Happy).await?;
                    meet(db, Mood::Sad).await?;
                    Ok::<_, AppError>(())
                })
                .await
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
    let (a, b) = (
        "SELECT count(*) FROM a.people",
        "SELECT count(*) FROM b.people",
    );
    assert_eq!(bed.database.integer(a).await, bed.database.integer(b).await);
    assert_eq!(bed.proxy().counts().opened, 1, "the connection was kept");
}

#[tokio::test]
async fn a_bound_search_path_chooses_the_tenant_as_well() {
    let bed = bed().await;
    tenants(&bed).await;
    for tenant in ["a", "b", "a", "b", "a", "b"] {
        bed.factory
            .with_session(async move |db| {
                diesel::sql_query("SELECT set_config($1, $2, true)")
                    .bind::<Text, _>("search_path")
                    .bind::<Text, _>(tenant)
                    .execute(db)
                    .await?;
                meet(db, Mood::Happy).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn both_tenants_in_one_session_and_back_by_a_savepoint() {
    let bed = bed().await;
    tenants(&bed).await;
    bed.factory
        .with_session(async |db| {
            for _ in 0..2 {
                db.batch_execute("SET LOCAL search_path TO a").await?;
                meet(db, Mood::Happy).await?;
                let undone = db
                    .transaction(async |db| {
                        db.batch_execute("SET LOCAL search_path TO b").await?;
                        meet(db, Mood::Happy).await?;
                        Err::<(), _>(diesel::result::Error::RollbackTransaction)
                    })
                    .await;
                assert!(undone.is_err());
                meet(db, Mood::Sad).await?;
                db.batch_execute("SET LOCAL search_path TO b").await?;
                meet(db, Mood::Sad).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(
        bed.database.integer("SELECT count(*) FROM a.people").await,
        4
    );
    assert_eq!(
        bed.database.integer("SELECT count(*) FROM b.people").await,
        2
    );
}

#[tokio::test]
async fn a_tenants_types_end_with_a_commit_that_begins_another_transaction() {
    for end in ["COMMIT AND CHAIN", "COMMIT; BEGIN"] {
        let bed = bed().await;
        tenants(&bed).await;
        bed.run(PEOPLE).await;
        let body = async |db: &mut Session<PgDb>| {
            db.batch_execute("SET LOCAL search_path TO a").await?;
            meet(db, Mood::Happy).await?;
            db.batch_execute(end).await?;
            meet(db, Mood::Happy).await?;
            db.batch_execute("COMMIT").await?;
            Ok::<_, AppError>(())
        };
        let result = bed.factory.with_session(body).await;
        for schema in ["a", "public"] {
            let count = format!("SELECT count(*) FROM {schema}.people");
            let count = bed.database.integer(&count).await;
            assert_eq!(count, 1, "{end} {schema}: {result:?}");
        }
    }
}

#[tokio::test]
async fn the_role_decides_where_the_path_says_user() {
    let bed = bed().await;
    bed.run(
        "CREATE SCHEMA reader; GRANT ALL ON SCHEMA reader TO reader; SET search_path TO reader",
    )
    .await;
    for schema in ["public", "reader"] {
        bed.run(&format!(
            "SET search_path TO {schema}; {PEOPLE}; RESET search_path; \
             GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO PUBLIC; \
             GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO PUBLIC"
        ))
        .await;
    }
    for as_reader in [false, true, false, true] {
        bed.factory
            .with_session(async move |db| {
                if as_reader {
                    db.batch_execute("SET LOCAL ROLE reader").await?;
                }
                meet(db, Mood::Happy).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    }
    assert_eq!(
        bed.database
            .integer("SELECT count(*) FROM reader.people")
            .await,
        2
    );
}

#[tokio::test]
async fn a_type_that_was_made_in_a_session_that_rolled_back_is_looked_up_again() {
    let bed = bed().await;
    for committed in [false, false, true] {
        let result = bed
            .factory
            .with_session(async move |db| {
                db.batch_execute(PEOPLE).await?;
                meet(db, Mood::Happy).await?;
                if committed {
                    Ok(())
                } else {
                    Err(AppError::Refused("on purpose"))
                }
            })
            .await;
        assert_eq!(result.is_ok(), committed, "{result:?}");
    }
    bed.factory
        .with_session(async |db| Ok::<_, AppError>(meet(db, Mood::Happy).await?))
        .await
        .unwrap();
    assert_eq!(bed.database.integer("SELECT count(*) FROM people").await, 2);
}

const REPLACE: &str = "CREATE TYPE mood_new AS ENUM ('happy', 'sad', 'new'); \
     ALTER TABLE people ALTER COLUMN mood TYPE mood_new USING mood::text::mood_new, \
     ALTER COLUMN moods TYPE mood_new[] USING moods::text[]::mood_new[]; \
     DROP TYPE mood; ALTER TYPE mood_new RENAME TO mood";

#[tokio::test]
async fn a_type_that_a_migration_replaces_costs_a_connection_one_error_and_a_retry_none() {
    let bed = bed().await;
    bed.run(PEOPLE).await;
    let call = || {
        bed.factory
            .with_session(async |db| Ok::<_, AppError>(meet(db, Mood::Happy).await?))
    };
    for _ in 0..3 {
        call().await.unwrap();
    }
    bed.run(REPLACE).await;
    call().await.unwrap_err();
    for _ in 0..3 {
        call().await.unwrap();
    }
    bed.run(REPLACE).await;
    let session = bed.factory.session().retry(5);
    session
        .run(async |db: &mut Session<PgDb>| Ok::<_, AppError>(meet(db, Mood::Happy).await?))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_type_that_was_renamed_away_heals_after_one_error() {
    let bed = bed().await;
    bed.run(PEOPLE).await;
    let call = || {
        bed.factory
            .with_session(async |db| Ok::<_, AppError>(meet(db, Mood::Happy).await?))
    };
    for _ in 0..3 {
        call().await.unwrap();
    }
    bed.run(
        "ALTER TYPE mood RENAME TO mood_old; CREATE TYPE mood AS ENUM ('happy', 'sad'); \
         ALTER TABLE people ALTER COLUMN mood TYPE mood USING mood::text::mood, \
         ALTER COLUMN moods TYPE mood[] USING moods::text[]::mood[]",
    )
    .await;
    call().await.unwrap_err();
    for _ in 0..3 {
        call().await.unwrap();
    }
}

#[tokio::test]
async fn a_session_may_replace_a_type_that_it_uses() {
    let bed = bed().await;
    bed.run(PEOPLE).await;
    bed.factory
        .with_session(async |db| {
            for _ in 0..2 {
                meet(db, Mood::Happy).await?;
                db.batch_execute(REPLACE).await?;
                meet(db, Mood::Happy).await?;
                meet(db, Mood::Sad).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.proxy().counts().opened, 1);
}

#[tokio::test]
async fn a_function_that_chooses_the_tenant_costs_one_error() {
    let bed = bed().await;
    tenants(&bed).await;
    bed.run(
        "CREATE FUNCTION public.choose(tenant text) RETURNS text LANGUAGE sql \
         AS 'SELECT set_config(''search_path'', tenant || '', public'', true)'",
    )
    .await;
    for (prepared, mut errors) in [(false, 0), (true, 0)] {
        for tenant in ["a", "b", "a", "b", "a", "b", "a"] {
            let result = bed
                .factory
                .with_session(async move |db| {
                    if prepared {
                        diesel::sql_query("SELECT choose($1)")
                            .bind::<Text, _>(tenant)
                            .execute(db)
                            .await?;
                    } else {
                        db.batch_execute(&format!("SELECT choose('{tenant}')"))
                            .await?;
                    }
                    diesel::insert_into(people::table)
                        .values((
                            people::mood.eq(Mood::Happy),
                            people::moods.eq(vec![Mood::Sad]),
                        ))
                        .execute(db)
                        .await?;
                    Ok::<_, AppError>(())
                })
                .await;
            errors += u32::from(result.is_err());
        }
        assert!(errors <= 1, "{prepared}: {errors}");
    }
}

/// Reads all columns with a text that is used often.
async fn read_all(db: &mut Session<PgDb>) -> Result<(), diesel::result::Error> {
    for _ in 0..3 {
        diesel::sql_query("SELECT * FROM items").execute(db).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_text_that_comes_often_survives_what_its_session_does_to_the_table() {
    for (number, change) in [
        "ALTER TABLE items ADD COLUMN more int",
        "DROP TABLE items; CREATE TABLE items (id int)",
        "ALTER TABLE items RENAME TO others; CREATE VIEW items AS SELECT 1 AS one",
        "CREATE TEMP TABLE items (id int)",
        "CREATE TEMP TABLE items AS SELECT 1 AS one",
        "SELECT 1 AS one INTO TEMP items",
        "DO $$ BEGIN ALTER TABLE items ADD COLUMN more int; END $$",
        "CALL alters()",
        "SELECT alters_too()",
        "SAVEPOINT s; ALTER TABLE items ADD COLUMN more int",
    ]
    .into_iter()
    .enumerate()
    {
        for prepared in [false, true] {
            if prepared && change.contains(';') {
                continue;
            }
            let bed = bed().await;
            bed.run(
                "CREATE PROCEDURE alters() LANGUAGE sql AS 'ALTER TABLE items ADD COLUMN more int'; \
                 CREATE FUNCTION alters_too() RETURNS void LANGUAGE sql \
                 AS 'ALTER TABLE items ADD COLUMN more int'",
            )
            .await;
            for committed in [false, true] {
                let result = bed
                    .factory
                    .with_session(async move |db| {
                        read_all(db).await?;
                        if prepared {
                            diesel::sql_query(change).execute(db).await?;
                        } else {
                            db.batch_execute(change).await?;
                        }
                        read_all(db).await?;
                        if committed {
                            Ok(())
                        } else {
                            Err(AppError::Refused("on purpose"))
                        }
                    })
                    .await;
                let refused = matches!(result, Err(AppError::Refused(_)));
                assert!(
                    result.is_ok() || refused && !committed,
                    "{change}: {result:?}"
                );
                if number == 8 {
                    // A function's effects are unknown once its session has ended.
                    break;
                }
                bed.factory
                    .with_session(async |db| Ok::<_, AppError>(read_all(db).await?))
                    .await
                    .unwrap_or_else(|error| panic!("{change}: {error}"));
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_drops_prepared_statements_prepares_its_own_again() {
    let bed = bed().await;
    for drops in [
        "DEALLOCATE ALL",
        "PREPARE mine AS SELECT 1; DEALLOCATE ALL",
        "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
        "DO $$ DECLARE it text; BEGIN FOR it IN SELECT name FROM pg_prepared_statements LOOP \
         EXECUTE format('DEALLOCATE %I', it); END LOOP; END $$",
    ] {
        for raw in [false, true] {
            let result = bed.factory.with_session(async move |db| {
                read_all(db).await?;
                let before: i64 = items::table.count().get_result(db).await?;
                if raw {
                    db.connection().await?.batch_execute(drops).await?;
                } else {
                    db.batch_execute(drops).await?;
                }
                read_all(db).await?;
                let behind: i64 = items::table.count().get_result(db).await?;
                assert_eq!(before, behind);
                Ok::<_, AppError>(())
            });
            result
                .await
                .unwrap_or_else(|error| panic!("{drops}, raw: {raw}: {error}"));
            bed.factory
                .with_session(async |db| Ok::<_, AppError>(read_all(db).await?))
                .await
                .unwrap_or_else(|error| panic!("behind {drops}, raw: {raw}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_text_that_comes_often_survives_a_table_that_a_savepoint_puts_back() {
    let bed = bed().await;
    bed.factory
        .with_session(async |db| {
            for _ in 0..3 {
                read_all(db).await?;
                let undone = db
                    .transaction(async |db| {
                        db.batch_execute("ALTER TABLE items ADD COLUMN more int")
                            .await?;
                        read_all(db).await?;
                        Err::<(), _>(diesel::result::Error::RollbackTransaction)
                    })
                    .await;
                assert!(undone.is_err());
                read_all(db).await?;
            }
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_text_reads_the_tables_of_each_tenant_whatever_their_shape() {
    let bed = bed().await;
    bed.run("CREATE SCHEMA a; CREATE TABLE a.items (one int); CREATE SCHEMA b; CREATE TABLE b.items (one int, two text)")
        .await;
    for how in [
        "SET LOCAL search_path TO TENANT",
        "SET search_path TO TENANT",
    ] {
        for tenant in ["a", "b", "a", "public", "b", "a"] {
            let text = how.replace("TENANT", tenant);
            bed.factory
                .with_session(async move |db| {
                    db.batch_execute(&text).await?;
                    read_all(db).await?;
                    Ok::<_, AppError>(())
                })
                .await
                .unwrap();
            bed.factory
                .with_session(async |db| Ok::<_, AppError>(read_all(db).await?))
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_tenants_statements_are_kept_prepared() {
    let bed = bed().await;
    tenants(&bed).await;
    let call = async |tenant: &str| {
        let text = format!("SET LOCAL search_path TO {tenant}, public");
        bed.factory
            .with_session(async move |db| {
                db.batch_execute(&text).await?;
                let _count: i64 = items::table.count().get_result(db).await?;
                meet(db, Mood::Happy).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    };
    for tenant in ["a", "b", "a", "b"] {
        call(tenant).await;
    }
    bed.proxy().reset_counts();
    for tenant in ["a", "b", "a", "b"] {
        call(tenant).await;
    }
    assert_eq!(bed.proxy().counts().parses(), 0, "{:?}", bed.proxy().sql());
}
