//! A BEGIN that fails alone, on a server that stalls while it runs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use session_factory::{PartlyCommitted, Session, SessionError};
use session_factory_tests::functions::postgres::insert_in as insert;
use session_factory_tests::{AppError, PgBed, PgDb};
use testbed::postgres::Server;

/// A server that logs every statement to a process. Stopping that process makes the server stall at
/// the next statement.
struct Stalling {
    server: Server,
    logger: String,
}

impl Stalling {
    async fn start() -> Self {
        let builder = Server::builder().config("logging_collector", "on");
        let server = builder.config("log_statement", "all").start().await;
        let logger = server
            .admin()
            .text("SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)")
            .await;
        let listed = Command::new("pgrep")
            .args(["-P", &logger, "-f", "logger"])
            .output()
            .unwrap();
        let logger = String::from_utf8(listed.stdout).unwrap().trim().to_owned();
        assert!(!logger.is_empty(), "the server has a process that logs");
        Self { server, logger }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.logger]).status();
        assert!(sent.unwrap().success());
    }

    /// Stalls the server until [`resume`](Self::resume), because its log fills the pipe.
    async fn stall(&self) {
        self.signal("-STOP");
        let admin = self.server.admin();
        let filler = format!("SELECT '{}'", "x".repeat(300_000));
        tokio::spawn(async move { testbed::postgres::Admin::execute(&admin, &filler).await });
        let watcher = self.server.admin();
        tokio::time::timeout(Duration::from_millis(300), async {
            // This loop stalls too as soon as the pipe is full.
            loop {
                watcher.integer("SELECT 1").await;
            }
        })
        .await
        .unwrap_err();
    }

    fn resume(&self) {
        self.signal("-CONT");
    }
}

async fn bed(stalling: &Stalling, limit: Option<Duration>) -> PgBed {
    let database = stalling.server.database().await;
    let url = database.url();
    let bed = PgBed::make(database, &url, None, |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.statement_timeout = limit;
        // A ping would be the statement that stalls.
        config.pool_pre_ping = false;
    })
    .await;
    // From the second session on, BEGIN travels with the first statement.
    for id in [1, 2] {
        bed.factory
            .with_session(async move |db| insert(db, id).await)
            .await
            .unwrap();
    }
    bed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_times_out_is_never_a_plain_error_over_a_committed_statement() {
    let stalling = Stalling::start().await;
    let bed = bed(&stalling, Some(Duration::from_millis(200))).await;
    stalling.stall().await;
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let call = bed
        .factory
        .session()
        .retry(3)
        .run(async |db: &mut Session<PgDb>| {
            attempts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _swallowed = insert(db, 3).await;
            Ok::<_, AppError>(())
        });
    let resume = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        stalling.resume();
    };
    let (result, ()) = tokio::join!(call, resume);
    let kept = bed.count().await - 2;
    let Err(AppError::Session(SessionError::PartlyCommitted(PartlyCommitted::NotBegun(error)))) =
        &result
    else {
        panic!("{kept} kept: {result:?}")
    };
    assert!(error.message().contains("statement timeout"), "{error}");
    assert_eq!(kept, 1);
    assert_eq!(attempts.into_inner(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cancel_request_hits_a_begin_with_a_statement_behind_it() {
    let stalling = Stalling::start().await;
    let bed = bed(&stalling, None).await;
    stalling.stall().await;
    let call = bed
        .factory
        .session()
        .timeout(Duration::from_millis(200))
        .run(async |db: &mut Session<PgDb>| insert(db, 3).await);
    let result = call.await;
    assert!(
        matches!(&result, Err(AppError::Session(SessionError::Timeout(_)))),
        "{result:?}"
    );
    // Long enough that a cancel request, if one was sent, has arrived.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stalling.resume();
    assert_eq!(bed.count().await, 2);
    bed.factory
        .with_session(async |db| insert(db, 3).await)
        .await
        .unwrap();
    assert_eq!(bed.count().await, 3);
}
