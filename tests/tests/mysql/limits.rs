//! What is too long, what is refused, and what is just long.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Integer, Text, Unsigned};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use session_factory::SessionError;
use session_factory_tests::{AppError, MyBed, items};

use super::{assert_answers_are_right, insert, one_connection, quiet};

#[tokio::test]
async fn a_command_above_max_allowed_packet_is_refused_in_the_servers_words_and_costs_nothing() {
    let bed = one_connection().await;
    let limit = bed
        .database
        .integer("SELECT @@global.max_allowed_packet")
        .await;
    let long = "x".repeat(usize::try_from(limit).unwrap());
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let text = format!("SELECT '{long}'");
            let bound =
                diesel::insert_into(items::table).values((items::id.eq(2), items::name.eq(&long)));
            for error in [
                db.batch_execute(&text).await.unwrap_err(),
                bound.execute(db).await.unwrap_err(),
            ] {
                assert!(
                    error
                        .to_string()
                        .contains("bigger than 'max_allowed_packet'"),
                    "{error}"
                );
            }
            insert(db, 3).await?;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 2);
    assert_answers_are_right(&bed).await;
}

#[tokio::test]
async fn values_longer_than_a_packet_arrive_whole() {
    let server = testbed::mysql::Server::builder()
        .config("max_allowed_packet", "64M")
        .start()
        .await;
    let database = server.database().await;
    let url = database.url();
    let bed = MyBed::make(database, &url, None, |_| {}).await;
    // Around the longest packet, where a part of nothing follows.
    for length in [(1 << 24) - 40, (1 << 24) - 1, 1 << 24, 20_000_000] {
        let value = "é".repeat(length / 2);
        bed.factory
            .with_session(async |db| {
                let query = diesel::select(diesel::dsl::sql::<Text>("").bind::<Text, _>(&value));
                let back: String = query.get_result(db).await?;
                assert!(back == value, "{} of {length}", back.len());
                db.batch_execute(&format!("SELECT '{value}'")).await?;
                Ok::<_, AppError>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn load_data_local_is_refused_at_once_and_its_connection_goes_on() {
    let bed = one_connection().await;
    let started = Instant::now();
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let load = "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE items";
            db.batch_execute(load).await.unwrap_err();
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    quiet(&bed).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn as_many_binds_as_the_protocol_has_are_sent() {
    let bed = MyBed::new().await;
    let ids: Vec<i32> = (0..65_535).collect();
    let found: i64 = bed
        .factory
        .with_session(async |db| {
            insert(db, 7).await?;
            let query = items::table.filter(items::id.eq_any(&ids)).count();
            Ok::<i64, AppError>(query.get_result(db).await?)
        })
        .await
        .unwrap();
    assert_eq!(found, 1);
}

#[tokio::test]
async fn numbers_without_a_sign_dates_and_nulls_come_back_as_they_were() {
    let bed = MyBed::new().await;
    bed.factory
        .with_session(async |db| {
            let big: u64 = diesel::select(diesel::dsl::sql::<Unsigned<diesel::sql_types::BigInt>>(
                "18446744073709551615",
            ))
            .get_result(db)
            .await?;
            assert_eq!(big, u64::MAX);
            let none: Option<i32> = diesel::select(diesel::dsl::sql::<
                diesel::sql_types::Nullable<Integer>,
            >("NULL"))
            .get_result(db)
            .await?;
            assert_eq!(none, None);
            let time = diesel::dsl::sql::<diesel::sql_types::Datetime>(
                "CAST('2024-02-29 23:59:58.123456' AS DATETIME(6))",
            );
            let time: diesel::mysql::data_types::MysqlTime =
                diesel::select(time).get_result(db).await?;
            let clock = (
                time.year,
                time.month,
                time.day,
                time.hour,
                time.minute,
                time.second,
            );
            assert_eq!(
                (clock, time.second_part),
                ((2024, 2, 29, 23, 59, 58), 123_456)
            );
            let text = diesel::select(
                diesel::dsl::sql::<Text>("CAST(")
                    .bind::<diesel::sql_types::Datetime, _>(time)
                    .sql(" AS CHAR)"),
            );
            let text: String = text.get_result(db).await?;
            assert_eq!(text, "2024-02-29 23:59:58.123456");
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn half_of_a_stream_may_be_read_and_the_next_statement_is_right() {
    let bed = one_connection().await;
    bed.factory
        .with_session(async |db| {
            for round in 0..20 {
                let query = diesel::select(diesel::dsl::sql::<Integer>("seq FROM seq_1_to_1000"));
                let mut rows = query.load_stream::<i32>(db).await?;
                for expected in 1..=round {
                    assert_eq!(rows.next().await.unwrap()?, expected);
                }
                drop(rows);
                assert_eq!(super::number(db, round).await?, round);
            }
            Ok::<_, SessionError>(())
        })
        .await
        .unwrap();
}

#[derive(AsChangeset, Identifiable, Queryable, Debug, PartialEq)]
#[diesel(table_name = items)]
struct Item {
    id: i32,
    name: String,
}

#[tokio::test]
async fn save_changes_updates_and_gives_the_row() {
    use diesel_async::SaveChangesDsl;

    let bed = MyBed::new().await;
    let saved = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let item = Item {
                id: 1,
                name: "new".into(),
            };
            let saved: Item = SaveChangesDsl::save_changes(&item, db).await?;
            Ok::<_, AppError>(saved)
        })
        .await
        .unwrap();
    assert_eq!(
        saved,
        Item {
            id: 1,
            name: "new".into()
        }
    );
}
