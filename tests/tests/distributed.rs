//! Databases that speak PostgreSQL's protocol: their documented messages, replayed.
//!
//! None of them runs here. The texts and codes come from `CockroachDB`'s "Transaction retry error
//! reference" and `pkg/sql/pgwire/pgcode`, `YugabyteDB`'s "Transaction retries", and Aurora's
//! failover notes. The order of the messages is that of PostgreSQL's protocol.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::atomic::{AtomicU32, Ordering};

use diesel_async::SimpleAsyncConnection as _;
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{PgDb, pg_config};
use testbed::replay::{Replay, Said};

/// The server's own answers: its process number and its default isolation level.
const ITSELF: [&str; 2] = ["4711", "serializable"];
const INTRODUCTION: &str = "SELECT pg_catalog.pg_backend_pid()";
const UPDATE: &str = "UPDATE accounts SET balance = balance - 1";

async fn server() -> Replay {
    Replay::start()
        .await
        .says(INTRODUCTION, [Said::row(ITSELF)])
}

fn factory(server: &Replay) -> Factory<PgDb> {
    Factory::new(pg_config(&server.url(), |config| config.max_overflow = 0))
}

#[with_session]
async fn pay(db: &mut Session<PgDb>, runs: &AtomicU32) -> Result<(), SessionError> {
    runs.fetch_add(1, Ordering::SeqCst);
    db.batch_execute(UPDATE).await?;
    Ok(())
}

#[with_session(retry(max = 3, base = "1ms", cap = "2ms"))]
async fn pay_again(db: &mut Session<PgDb>, runs: &AtomicU32) -> Result<(), SessionError> {
    pay_in(db, runs).await
}

/// How many times the body ran, and the result.
async fn paid(server: &Replay, again: bool) -> (u32, Result<(), SessionError>) {
    let runs = AtomicU32::new(0);
    let result = factory(server)
        .scope(async {
            if again {
                pay_again(&runs).await
            } else {
                pay(&runs).await
            }
        })
        .await;
    (runs.into_inner(), result)
}

fn times(server: &Replay, statement: &str) -> usize {
    server
        .heard()
        .iter()
        .filter(|heard| heard.starts_with(statement))
        .count()
}

const RESTART: Said = Said::error(
    "40001",
    "restart transaction: TransactionRetryWithProtoRefreshError: TransactionRetryError: retry txn (RETRY_SERIALIZABLE)",
);

#[tokio::test]
async fn cockroachdb_a_restart_at_commit_is_refused_work_and_is_run_again_with_retry() {
    let once = server().await.says("COMMIT", [RESTART]);
    let (runs, result) = paid(&once, false).await;
    assert!(
        matches!(&result, Err(SessionError::Commit(_))),
        "{result:?}"
    );
    assert_eq!(runs, 1, "nothing is run again that did not ask for it");

    let twice = server()
        .await
        .says("COMMIT", [RESTART, RESTART, Said::fine()]);
    let (runs, result) = paid(&twice, true).await;
    result.unwrap();
    assert_eq!((runs, times(&twice, "COMMIT")), (3, 3));
    assert_eq!(twice.opened(), 1, "the connection goes on");
}

#[tokio::test]
async fn cockroachdb_a_restart_at_a_statement_is_run_again_with_retry() {
    let server = server().await.says("UPDATE", [RESTART, Said::fine()]);
    let (runs, result) = paid(&server, true).await;
    result.unwrap();
    assert_eq!((runs, times(&server, "COMMIT")), (2, 1));
}

#[tokio::test]
async fn cockroachdb_an_ambiguous_result_of_commit_is_unknown_and_never_run_again() {
    let ambiguous = Said::error(
        "40003",
        "result is ambiguous: error=rpc error: code = Unavailable [exhausted]",
    );
    let server = server().await.says("COMMIT", [ambiguous]);
    let (runs, result) = paid(&server, true).await;
    assert!(
        matches!(&result, Err(SessionError::CommitUnknown(_))),
        "{result:?}"
    );
    assert_eq!((runs, times(&server, "COMMIT")), (1, 1));
}

#[tokio::test]
async fn what_ends_the_connection_under_commit_is_unknown_and_never_run_again() {
    for (name, end) in [
        // An Aurora writer that fails over, and a node that is drained.
        (
            "57P01",
            Said::fatal(
                "57P01",
                "terminating connection due to administrator command",
            ),
        ),
        (
            "57P02",
            Said::fatal(
                "57P02",
                "terminating connection because of crash of another server process",
            ),
        ),
        (
            "57P03",
            Said::fatal("57P03", "the database system is shutting down"),
        ),
        ("08006", Said::fatal("08006", "connection failure")),
        (
            "08007",
            Said::error("08007", "transaction resolution unknown"),
        ),
        ("hung up", Said::hang_up()),
    ] {
        let server = server().await.says("COMMIT", [end]);
        let (runs, result) = paid(&server, true).await;
        assert!(
            matches!(&result, Err(SessionError::CommitUnknown(_))),
            "{name}: {result:?}"
        );
        assert_eq!(runs, 1, "{name}");
    }
}

#[tokio::test]
async fn yugabytedb_a_conflict_is_run_again_with_retry() {
    for said in [
        Said::error(
            "40001",
            "could not serialize access due to concurrent update",
        ),
        Said::error(
            "40001",
            "Restart read required at: read: { physical: 1700000000000000 }",
        ),
        Said::error("40P01", "deadlock detected"),
    ] {
        let server = server().await.says("UPDATE", [said, Said::fine()]);
        let (runs, result) = paid(&server, true).await;
        result.unwrap();
        assert_eq!(runs, 2);
    }
}

#[tokio::test]
async fn aurora_one_write_on_a_demoted_writer_drops_its_connections() {
    let refused = Said::error("25006", "cannot execute UPDATE in a read-only transaction");
    let server = server().await.says("UPDATE", [refused, Said::fine()]);
    let factory = factory(&server);
    let runs = AtomicU32::new(0);
    factory
        .scope(async {
            assert!(pay(&runs).await.is_err());
            pay(&runs).await.unwrap();
        })
        .await;
    assert_eq!(
        server.opened(),
        2,
        "a new connection may find the new writer"
    );
}

#[tokio::test]
async fn a_server_that_knows_none_of_what_is_asked_of_it_is_taken_for_a_pooler() {
    let unknown = Said::error("42883", "unknown function: pg_catalog.pg_backend_pid()");
    let server = Replay::start().await.says(INTRODUCTION, [unknown]);
    let (_, result) = paid(&server, false).await;
    result.unwrap();
    // No statement that only PostgreSQL supports.
    let heard = server.heard().join("; ");
    for foreign in [
        "in_hot_standby",
        "pg_settings",
        "pg_is_in_recovery",
        "SHOW ",
    ] {
        assert!(!heard.contains(foreign), "{foreign}: {heard}");
    }
}

#[tokio::test]
async fn without_a_log_position_commits_are_kept_and_the_primary_is_read() {
    let unknown = Said::error("42883", "unknown function: pg_current_wal_insert_lsn()");
    let server = server()
        .await
        .says("SELECT pg_current_wal_insert_lsn", [unknown]);
    let reader = self::server().await;
    let factory = Factory::<PgDb>::new(pg_config(&server.url(), |config| {
        config.replica_url = Some(reader.url().into());
    }));
    let runs = AtomicU32::new(0);
    factory.scope(pay(&runs)).await.unwrap();
    assert_eq!(times(&server, "COMMIT"), 1);
    assert_eq!(factory.commit_token(), None);
    let read = factory.session().read_only();
    read.run(async |db| {
        db.batch_execute("SELECT 1")
            .await
            .map_err(SessionError::from)
    })
    .await
    .unwrap();
    assert_eq!(times(&server, "SELECT 1"), 1, "{:?}", server.heard());
    assert_eq!(times(&reader, "SELECT 1"), 0);
}
