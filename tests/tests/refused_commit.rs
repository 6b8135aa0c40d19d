//! A COMMIT that the server refuses is reported with the server's error, whoever sent it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicI64, Ordering};

use diesel_async::SimpleAsyncConnection;
use futures_util::poll;
use session_factory::{AbortReason, Session, SessionError};
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb};
use testbed::{PATIENCE, eventually};

const LATER: &str =
    "CREATE TABLE later (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)";
const ORPHAN: &str = "INSERT INTO later VALUES (404)";
const ENDS: [&str; 4] = [
    "COMMIT",
    "COMMIT AND CHAIN",
    "PREPARE TRANSACTION 'g1'",
    "SELECT 1; COMMIT; SELECT 2",
];

async fn bed() -> PgBed {
    let bed = PgBed::one_proxied_connection().await;
    bed.run(LATER).await;
    bed
}

/// Runs the body's own COMMIT, on the raw connection or by the session, and ignores its error.
async fn commit_by_hand(db: &mut Session<PgDb>, end: &str, raw: bool) -> Result<(), AppError> {
    db.batch_execute("INSERT INTO items VALUES (1, 'x')")
        .await?;
    db.batch_execute(ORPHAN).await?;
    let refused = if raw {
        db.connection().await?.batch_execute(end).await
    } else {
        db.batch_execute(end).await
    };
    assert!(refused.is_err());
    Ok(())
}

fn assert_refused_by_hand(result: Result<(), AppError>) {
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}")
    };
    let AbortReason::CommitByBody(error) = aborted.reason() else {
        panic!("{aborted:?}")
    };
    assert_eq!(error.sqlstate(), Some("23503"));
    let said = aborted.to_string();
    assert!(
        said.contains("the server refused the COMMIT that the body ran as raw SQL")
            && said.contains("violates foreign key constraint")
            && said.contains("use db.commit() in place of raw SQL"),
        "{said}"
    );
    assert!(!said.contains("savepoint"), "{said}");
}

#[tokio::test]
async fn a_commit_by_hand_that_was_refused_is_told_with_the_servers_error_and_no_savepoint() {
    let bed = bed().await;
    for end in ENDS {
        for raw in [false, true] {
            let result = bed
                .factory
                .with_session(async |db| commit_by_hand(db, end, raw).await)
                .await;
            assert_refused_by_hand(result);
            // What the body runs behind it is refused for the same reason.
            let result = bed
                .factory
                .with_session(async |db| {
                    commit_by_hand(db, end, raw).await?;
                    let behind = db.batch_execute("INSERT INTO items VALUES (2, 'x')").await;
                    assert!(behind.is_err(), "{end} {raw}");
                    Ok(())
                })
                .await;
            assert_refused_by_hand(result);
            assert_eq!(bed.count().await, 0, "{end} {raw}");
        }
    }
    assert_eq!(bed.proxy().counts().opened, 1);
}

#[tokio::test]
async fn a_rollback_behind_a_failed_statement_is_the_bodys_own_end_and_no_refused_commit() {
    let bed = bed().await;
    let result = bed
        .factory
        .with_session(async |db| {
            let connection = db.connection().await?;
            let _ignored = connection.batch_execute("SELECT * FROM nosuch").await;
            connection.batch_execute("ROLLBACK").await?;
            Ok::<_, AppError>(())
        })
        .await;
    let Err(AppError::Session(SessionError::Aborted(aborted))) = result else {
        panic!("{result:?}")
    };
    assert!(
        matches!(aborted.reason(), AbortReason::EndedByBody),
        "{aborted:?}"
    );
}

#[tokio::test]
async fn a_conflict_that_a_commit_by_hand_met_is_retried() {
    let bed = bed().await;
    bed.run(
        "CREATE SEQUENCE attempts; \
         CREATE FUNCTION clash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('attempts') = 1 THEN RAISE EXCEPTION 'clash' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER clash AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION clash()",
    )
    .await;
    let attempts = AtomicI64::new(0);
    let body = async |db: &mut Session<PgDb>| {
        attempts.fetch_add(1, Ordering::SeqCst);
        db.batch_execute("INSERT INTO items VALUES (1, 'x')")
            .await?;
        let _ignored = db.connection().await?.batch_execute("COMMIT").await;
        Ok::<_, AppError>(())
    };
    bed.factory.session().retry(3).run(body).await.unwrap();
    assert_eq!((attempts.into_inner(), bed.count().await), (2, 1));
}

#[tokio::test]
async fn a_commit_that_was_dropped_and_refused_is_told_as_the_sessions_own() {
    let bed = bed().await;
    let mut db = bed.factory.create_session().await.unwrap();
    db.batch_execute(ORPHAN).await.unwrap();
    {
        let mut commit = Box::pin(db.commit());
        assert!(poll!(&mut commit).is_pending());
    }
    let refused = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = 'app' AND state = 'idle' AND query = 'COMMIT'";
    eventually(PATIENCE, "COMMIT is answered", || async {
        bed.database.integer(refused).await == 1
    })
    .await;
    let error = db.commit().await.unwrap_err();
    let SessionError::Commit(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.statement().sqlstate(), Some("23503"));
    let said = error.to_string();
    assert!(
        said.starts_with("COMMIT failed, nothing was kept: "),
        "{said}"
    );
    db.close().await.unwrap();
    assert_eq!(bed.database.integer("SELECT count(*) FROM later").await, 0);
}

#[tokio::test]
async fn sqlite_refuses_the_sessions_commit_behind_one_that_it_refused_the_body() {
    for raw in [false, true] {
        let bed = LiteBed::new().await;
        bed.database.execute(LATER);
        let result = bed
            .factory
            .with_session(async |db: &mut Session<LiteDb>| {
                db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                    .await?;
                db.batch_execute(ORPHAN).await?;
                let refused = if raw {
                    db.connection().await?.batch_execute("COMMIT").await
                } else {
                    db.batch_execute("COMMIT").await
                };
                // SQLite keeps the transaction open.
                assert_eq!(
                    refused.unwrap_err().to_string(),
                    "FOREIGN KEY constraint failed"
                );
                Ok::<_, AppError>(())
            })
            .await;
        let Err(AppError::Session(SessionError::Commit(error))) = result else {
            panic!("{raw} {result:?}")
        };
        assert_eq!(
            error.to_string(),
            "COMMIT failed, nothing was kept: FOREIGN KEY constraint failed"
        );
        assert_eq!(bed.count().await, 0);
    }
}
