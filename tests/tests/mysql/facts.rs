//! The traps of the foundations that are MySQL's, by their number in the list that the project keeps.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use session_factory::{AbortReason, SessionError};
use session_factory_tests::{AppError, MyBed, items};

use super::{assert_answers_are_right, insert, number, one_connection, quiet};

const LATE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn fact_02_a_cancelled_call_stops_on_the_server_and_is_not_replaced_before_that() {
    let bed = one_connection().await;
    let admin = bed.database.admin();
    for _ in 0..10 {
        let call = bed.factory.with_session(async |db| {
            db.batch_execute("SELECT SLEEP(60)").await?;
            Ok::<_, AppError>(())
        });
        tokio::time::timeout(LATE, call).await.unwrap_err();
        // The one that carries KILL QUERY is not connected to the database.
        assert!(admin.connections().await <= 1);
    }
    assert_answers_are_right(&bed).await;
}

#[tokio::test]
async fn fact_04_after_a_query_that_was_cancelled_in_a_transaction_answers_are_right() {
    let bed = one_connection().await;
    for polls in 0..60 {
        let call = bed.factory.with_session(async |db| {
            insert(db, 1).await?;
            let mine = number(db, -1).await?;
            assert_eq!(mine, -1);
            Err::<(), _>(AppError::Refused("rolled back"))
        });
        let ended = testbed::polls::drop_at(polls, call).await;
        assert_answers_are_right(&bed).await;
        assert_eq!(bed.count().await, 0);
        if ended.is_some() {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn fact_04_after_a_query_that_was_cancelled_while_it_ran_answers_are_right() {
    let bed = one_connection().await;
    let call = bed.factory.with_session(async |db| {
        insert(db, 1).await?;
        let slept: i32 = diesel::select(diesel::dsl::sql::<Integer>("SLEEP(60)"))
            .get_result(db)
            .await?;
        Ok::<_, AppError>(slept)
    });
    tokio::time::timeout(LATE, call).await.unwrap_err();
    let started = Instant::now();
    assert_answers_are_right(&bed).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn fact_04_after_a_query_that_was_cancelled_outside_of_a_transaction_answers_are_right() {
    let bed = one_connection().await;
    for polls in 0..40 {
        let mut db = bed.factory.create_session().await.unwrap();
        // On the raw connection, in autocommit: nothing but the protocol knows of the query.
        let raw = db.connection().await.unwrap();
        raw.batch_execute("SET autocommit = 1").await.unwrap();
        let query = diesel::select((-1).into_sql::<Integer>()).get_result::<i32>(raw);
        let ended = testbed::polls::drop_at(polls, query).await;
        drop(db);
        assert_answers_are_right(&bed).await;
        if ended.is_some() {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn fact_04_after_a_health_check_that_was_cancelled_answers_are_right() {
    let bed = one_connection().await;
    for polls in 0..20 {
        let ended = testbed::polls::drop_at(polls, bed.factory.health()).await;
        assert_answers_are_right(&bed).await;
        if ended.is_some() && polls > 0 {
            return;
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn fact_04_a_timeout_around_one_query_gives_the_transaction_up_and_no_wrong_answer() {
    let bed = one_connection().await;
    let result = bed
        .factory
        .with_session(async |db| {
            insert(db, 1).await?;
            let sleep = diesel::sql_query("SELECT SLEEP(60)").execute(db);
            tokio::time::timeout(LATE, sleep).await.unwrap_err();
            let error = number(db, 7).await.unwrap_err();
            assert!(error.to_string().contains("dropped"), "{error}");
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}");
    };
    assert!(matches!(aborted.reason(), AbortReason::StatementDropped));
    assert_answers_are_right(&bed).await;
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn fact_04_a_timeout_around_a_query_on_the_raw_connection_cannot_be_committed() {
    let bed = one_connection().await;
    for polls in 0..40 {
        let (result, ended) = {
            let mut ended = false;
            let result = bed
                .factory
                .with_session(async |db| {
                    let raw = db.connection().await?;
                    raw.batch_execute("DELETE FROM items").await?;
                    let query = diesel::insert_into(items::table)
                        .values((items::id.eq(1), items::name.eq("raw")))
                        .execute(raw);
                    ended = testbed::polls::drop_at(polls, query).await.is_some();
                    Ok::<_, AppError>(())
                })
                .await;
            (result, ended)
        };
        assert_answers_are_right(&bed).await;
        match result {
            Ok(()) if ended => return,
            // Dropped before it was sent, or after it was answered.
            Ok(()) => {}
            Err(error) => assert!(
                matches!(error, AppError::Session(SessionError::Commit(_))),
                "{error:?}"
            ),
        }
    }
    panic!("never ended");
}

#[tokio::test]
async fn fact_04_after_a_statement_that_was_cancelled_while_it_was_prepared_answers_are_right() {
    for held in [
        testbed::proxy::Direction::ToServer,
        testbed::proxy::Direction::ToClient,
    ] {
        let bed = MyBed::proxied(|config| {
            config.pool_size = 1;
            config.max_overflow = 0;
        })
        .await;
        let mut db = bed.factory.create_session().await.unwrap();
        insert(&mut db, 1).await.unwrap();
        bed.proxy().hold(held);
        // Not seen before on this connection, so it is prepared first.
        let query = items::table.count().get_result::<i64>(&mut db);
        tokio::time::timeout(LATE, query).await.unwrap_err();
        bed.proxy().release(held);
        drop(db);
        assert_answers_are_right(&bed).await;
        assert_eq!(bed.count().await, 0);
    }
}

#[tokio::test]
async fn fact_04_after_a_stream_that_was_half_read_answers_are_right() {
    let bed = one_connection().await;
    // Dropped with its session, kept over a statement, and over a commit.
    for case in 0..3 {
        let mut db = bed.factory.create_session().await.unwrap();
        insert(&mut db, 1).await.unwrap();
        let query = diesel::select(diesel::dsl::sql::<Integer>("seq FROM seq_1_to_200000"));
        let mut rows = query.load_stream::<i32>(&mut db).await.unwrap();
        for expected in 1..=3 {
            assert_eq!(rows.next().await.unwrap().unwrap(), expected);
        }
        drop(rows);
        if case > 0 {
            assert_eq!(number(&mut db, 42).await.unwrap(), 42);
        }
        if case > 1 {
            db.commit().await.unwrap();
        }
        drop(db);
        assert_answers_are_right(&bed).await;
        assert_eq!(bed.count().await, i64::from(case > 1));
    }
}

#[tokio::test]
async fn fact_04_a_commit_behind_rows_that_were_left_unread_is_true() {
    let bed = one_connection().await;
    let mut db = bed.factory.create_session().await.unwrap();
    insert(&mut db, 1).await.unwrap();
    let query = diesel::select(diesel::dsl::sql::<Integer>("seq FROM seq_1_to_100000"));
    let mut rows = query.load_stream::<i32>(&mut db).await.unwrap();
    assert_eq!(rows.next().await.unwrap().unwrap(), 1);
    drop(rows);
    db.commit().await.unwrap();
    assert_eq!(bed.count().await, 1);
    drop(db);
    assert_answers_are_right(&bed).await;
}

#[tokio::test]
async fn fact_05_after_a_deadlock_nothing_of_the_transaction_is_committed() {
    let bed = MyBed::new().await;
    bed.run("INSERT INTO items VALUES (1, 'a'), (2, 'b')").await;
    let (mut one, mut other) = (
        bed.factory.create_session().await.unwrap(),
        bed.factory.create_session().await.unwrap(),
    );
    // The server gives up the transaction that has written less.
    insert(&mut one, 10).await.unwrap();
    insert(&mut other, 20).await.unwrap();
    insert(&mut other, 21).await.unwrap();
    let lock = |id| diesel::update(items::table.find(id)).set(items::name.eq("locked"));
    lock(1).execute(&mut one).await.unwrap();
    lock(2).execute(&mut other).await.unwrap();
    let (mine, theirs) = tokio::join!(lock(2).execute(&mut one), lock(1).execute(&mut other));
    theirs.unwrap();
    let error = mine.unwrap_err();
    assert!(error.to_string().contains("Deadlock"), "{error}");
    // The error is swallowed, and the body goes on.
    insert(&mut one, 11).await.unwrap_err();
    let error = one.commit().await.unwrap_err();
    let SessionError::Aborted(aborted) = error else {
        panic!("{error:?}");
    };
    let statement = aborted.statement().expect("the deadlock");
    assert_eq!(
        (statement.code(), statement.sqlstate()),
        (Some(1213), Some("40001"))
    );
    other.commit().await.unwrap();
    assert_eq!(bed.count().await, 4, "1, 2, 20 and 21");
    drop((one, other));
    quiet(&bed).await;
}

#[tokio::test]
async fn fact_06_a_deadlock_is_told_as_one_that_may_be_tried_again() {
    let bed = MyBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    let error = db
        .batch_execute(
            "SIGNAL SQLSTATE '40001' SET MESSAGE_TEXT = 'on purpose', MYSQL_ERRNO = 1213",
        )
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::SerializationFailure,
                _
            )
        ),
        "{error:?}"
    );
    assert!(SessionError::from(error).is_transient());
}
