//! `isolation`, `read_only`, `deferrable`, `immediate`, `requires_new`, `commit_on`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::driver::isolation::{
    ReadCommitted, ReadUncommitted, RepeatableRead, Serializable,
};
use session_factory::{Isolation, Session, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb, items};

async fn setting(db: &mut Session<PgDb>, name: &str) -> Result<String, SessionError> {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = diesel::sql_types::Text)]
        value: String,
    }
    let row: Setting = diesel::sql_query(format!("SELECT current_setting('{name}') AS value"))
        .get_result(db)
        .await?;
    Ok(row.value)
}

#[tokio::test]
async fn the_isolation_level_is_the_servers() {
    let bed = PgBed::new().await;
    let level = async |db: &mut Session<PgDb>| setting(db, "transaction_isolation").await;
    let session = || bed.factory.session();
    let seen = [
        session().isolation(Serializable).run(level).await,
        session().isolation(RepeatableRead).run(level).await,
        session().isolation(ReadCommitted).run(level).await,
        session().isolation(ReadUncommitted).run(level).await,
        session()
            .isolation(Isolation::Serializable)
            .run(level)
            .await,
        session().run(level).await,
    ];
    let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        seen,
        [
            "serializable",
            "repeatable read",
            "read committed",
            "read uncommitted",
            "serializable",
            "read committed"
        ]
    );
}

#[tokio::test]
async fn a_read_only_session_that_writes_gets_the_servers_refusal() {
    let bed = PgBed::new().await;
    let error = bed
        .factory
        .session()
        .read_only()
        .run(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("x")))
                .execute(db)
                .await?;
            Ok::<_, SessionError>(())
        })
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            SessionError::Query(Error::DatabaseError(
                DatabaseErrorKind::ReadOnlyTransaction,
                _
            ))
        ),
        "{error:?}"
    );
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn deferrable_reaches_the_server() {
    let bed = PgBed::new().await;
    let seen = bed
        .factory
        .session()
        .isolation(Serializable)
        .read_only()
        .deferrable()
        .run(async |db| setting(db, "transaction_deferrable").await)
        .await;
    assert_eq!(seen.unwrap(), "on");
}

async fn insert_lite(db: &mut Session<LiteDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

#[tokio::test]
async fn a_read_only_sqlite_session_cannot_write_and_the_next_one_can() {
    let bed = LiteBed::one_connection().await;
    for id in 0..3 {
        let error = bed
            .factory
            .session()
            .read_only()
            .run(async |db| Ok::<_, AppError>(insert_lite(db, id).await?))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
        // The session ends by a drop.
        let mut dropped = Box::pin(bed.factory.session().read_only().run(async |db| {
            let _count: i64 = items::table.count().get_result(db).await?;
            std::future::pending::<()>().await;
            Ok::<_, AppError>(())
        }));
        tokio::select! {
            _ = &mut dropped => unreachable!(),
            () = tokio::time::sleep(std::time::Duration::from_millis(30)) => {}
        }
        drop(dropped);
        bed.factory
            .session()
            .immediate()
            .isolation(Serializable)
            .run(async |db| Ok::<_, AppError>(insert_lite(db, id).await?))
            .await
            .unwrap();
    }
    assert_eq!(bed.count().await, 3);
}

#[tokio::test]
async fn requires_new_is_a_transaction_of_its_own() {
    let bed = PgBed::new().await;
    let factory = bed.factory.clone();
    bed.factory
        .with_session(async |db| {
            db.batch_execute("INSERT INTO items VALUES (1, 'outer')")
                .await?;
            factory
                .session()
                .requires_new()
                .run(async |db| {
                    db.batch_execute("INSERT INTO items VALUES (2, 'inner')")
                        .await?;
                    Ok::<_, AppError>(())
                })
                .await?;
            Err::<(), _>(AppError::Refused("the outer one"))
        })
        .await
        .unwrap_err();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn requires_new_that_would_wait_for_itself_is_told_at_once() {
    let bed = PgBed::one_connection().await;
    let factory = bed.factory.clone();
    let error = bed
        .factory
        .with_session(async |_db| {
            factory
                .session()
                .requires_new()
                .run(async |_db| Ok::<_, AppError>(()))
                .await
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Nested(error)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.exhausted(), Some(1));
    assert!(error.to_string().contains("max_overflow"), "{error}");
}

#[tokio::test]
async fn commit_on_keeps_the_work_of_an_err_and_drops_that_of_an_ok() {
    let bed = PgBed::new().await;
    let soft =
        |result: &Result<i32, AppError>| matches!(result, Err(AppError::Refused("keep")) | Ok(1..));
    let call = async |id: i32, result: Result<i32, AppError>| {
        bed.factory
            .session()
            .commit_on(soft)
            .run(async |db| {
                db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
                    .await?;
                result
            })
            .await
    };
    assert!(matches!(
        call(1, Err(AppError::Refused("keep"))).await,
        Err(AppError::Refused("keep"))
    ));
    assert_eq!(bed.count().await, 1);
    assert!(matches!(
        call(2, Err(AppError::Refused("drop"))).await,
        Err(AppError::Refused("drop"))
    ));
    assert_eq!(bed.count().await, 1);
    assert!(matches!(call(3, Ok(0)).await, Ok(0)));
    assert_eq!(bed.count().await, 1);
    assert!(matches!(call(4, Ok(1)).await, Ok(1)));
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn commit_on_cannot_keep_what_the_server_gave_up() {
    let bed = PgBed::new().await;
    let error = bed
        .factory
        .session()
        .commit_on(|_: &Result<(), AppError>| true)
        .run(async |db| {
            db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                .await?;
            db.batch_execute("SELECT 1 / 0").await?;
            Ok(())
        })
        .await
        .unwrap_err();
    assert!(
        matches!(error, AppError::Query(_)),
        "the body's own error: {error:?}"
    );
    assert_eq!(bed.count().await, 0);
}
