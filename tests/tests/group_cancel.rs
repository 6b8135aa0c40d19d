//! Many calls that are cancelled at once: few requests, nobody else is hit, everything is given back.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use session_factory::{Session, SessionError, with_session};
use session_factory_tests::{PgBed, PgDb};
use testbed::postgres::Admin;

const CALLS: u32 = 40;
/// What a connection says that cancels for others.
const FOR_OTHERS: &str = "SELECT pg_catalog.pg_cancel_backend(pid)%";

#[with_session]
async fn slow(db: &mut Session<PgDb>) -> Result<(), SessionError> {
    diesel::sql_query("SELECT pg_sleep(60)").execute(db).await?;
    Ok(())
}

async fn bed() -> PgBed {
    PgBed::proxied(|config| {
        config.pool_size = CALLS;
        config.max_overflow = 0;
    })
    .await
}

/// How many sleep: a statement that is only prepared yet is active as well.
async fn running(admin: &Admin) -> usize {
    let activity = admin.activity().await;
    let sleeping = activity
        .iter()
        .filter(|backend| backend.wait == "Timeout:PgSleep");
    sleeping.count()
}

/// All of them are dropped in the middle of their query, at once; all connections come back.
async fn crowd(bed: &PgBed) {
    let admin = bed.database.admin();
    let calls = (0..CALLS).map(|_| {
        let factory = bed.factory.clone();
        tokio::spawn(async move { factory.scope(slow()).await })
    });
    let calls: Vec<_> = calls.collect();
    testbed::eventually(Duration::from_secs(20), "all of them run", || async {
        running(&admin).await == CALLS as usize
    })
    .await;
    for call in &calls {
        call.abort();
    }
    let ended = join_all(calls).await;
    assert!(ended.iter().all(Result::is_err));
    testbed::eventually(Duration::from_secs(20), "all are recovered", || async {
        let status = bed.factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
    assert_eq!(running(&admin).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_cancelled_calls_shares_its_requests_to_cancel_and_keeps_its_connections() {
    let bed = bed().await;
    for _round in 0..5 {
        crowd(&bed).await;
    }
    let counts = bed.proxy().counts();
    assert_eq!(counts.opened, u64::from(CALLS));
    // On a machine that is not busy: two of each crowd.
    assert!(
        counts.cancel_requests < u64::from(5 * CALLS),
        "{} requests",
        counts.cancel_requests
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_with_the_same_number_and_another_birth_is_not_cancelled_for_others() {
    let bed = bed().await;
    let admin = bed.database.admin();
    let said = format!(
        "SELECT max(query) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '{FOR_OTHERS}'"
    );
    let mut text = None;
    for _until_one_did in 0..20 {
        crowd(&bed).await;
        text = admin.rows(&said).await[0][0].clone();
        if text.is_some() {
            break;
        }
    }
    let text = text.expect("one connection has cancelled for others");
    let (head, named) = text.split_once(" IN (").unwrap();
    // `process birth` in quotes.
    let one = named.split('\'').nth(1).unwrap();
    let (_process, birth) = one.split_once(' ').unwrap();

    let innocent = tokio::spawn({
        let factory = bed.factory.clone();
        async move { factory.scope(slow()).await }
    });
    testbed::eventually(Duration::from_secs(20), "it runs", || async {
        running(&admin).await == 1
    })
    .await;
    let its = |what: &str| {
        format!(
            "SELECT {what} FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        )
    };
    let process = admin.text(&its("pid::text")).await;
    let born = "to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
    let its_birth = admin.text(&its(born)).await;

    let hit = |process: &str, birth: &str| {
        let text = format!("{head} IN ('{process} {birth}')");
        let admin = admin.clone();
        async move { admin.rows(&text).await.len() }
    };
    let later = birth.replace("20", "21");
    assert_eq!(hit(&process, &later).await, 0);
    assert_eq!(running(&admin).await, 1);
    assert_eq!(hit(&process, &its_birth).await, 1);
    let error = innocent.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cancel"), "{error}");
}
