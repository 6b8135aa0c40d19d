//! Many calls that are cancelled at once: few requests, no other statement is hit, everything is
//! returned.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::slow_cancels::slow_for_others;
use session_factory_tests::{AppError, PgBed, PgDb, pg_config};
use testbed::postgres::Admin;
use tokio::sync::Notify;

const CALLS: u32 = 40;
/// The SQL of a connection that cancels for others.
const FOR_OTHERS: &str = "SELECT pg_catalog.count(pg_catalog.pg_cancel_backend(pid))%";

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

/// The number of sleeping statements. (A statement that is being prepared is active as well.)
async fn running(admin: &Admin) -> usize {
    let activity = admin.activity().await;
    let sleeping = activity
        .iter()
        .filter(|backend| backend.wait == "Timeout:PgSleep");
    sleeping.count()
}

async fn crowd(bed: &PgBed) {
    crowd_beside(bed, 0).await;
}

/// Drops all calls during their query at once; all connections come back. Other calls run in
/// parallel.
async fn crowd_beside(bed: &PgBed, others: usize) {
    let admin = bed.database.admin();
    let calls = (0..CALLS).map(|_| {
        let factory = bed.factory.clone();
        tokio::spawn(async move { factory.scope(slow()).await })
    });
    let calls: Vec<_> = calls.collect();
    testbed::eventually(Duration::from_secs(20), "all of them run", || async {
        running(&admin).await == CALLS as usize + others
    })
    .await;
    for call in &calls {
        call.abort();
    }
    let ended = join_all(calls).await;
    assert!(ended.iter().all(Result::is_err));
    bed.at_rest().await;
    assert_eq!(running(&admin).await, others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_cancelled_calls_shares_its_requests_to_cancel_and_keeps_its_connections() {
    let bed = bed().await;
    for _round in 0..5 {
        crowd(&bed).await;
    }
    let counts = bed.proxy().counts();
    // A connection whose answer is late on a busy machine is closed and replaced.
    assert!(counts.opened < u64::from(2 * CALLS), "{}", counts.opened);
    assert!(bed.database.admin().connections().await <= CALLS as usize);
    // On an idle machine: two for each crowd.
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
    let (head, named) = text.split_once(" ANY (").unwrap();
    // `process start_time`, in quotes.
    let one = named.split('"').nth(1).unwrap();
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
        let text = format!("{head} ANY (ARRAY['{process} {birth}'])");
        let admin = admin.clone();
        async move { admin.integer(&text).await }
    };
    let later = birth.replace("20", "21");
    assert_eq!(hit(&process, &later).await, 0);
    assert_eq!(running(&admin).await, 1);
    assert_eq!(hit(&process, &its_birth).await, 1);
    let error = innocent.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cancel"), "{error}");
}

/// An application may define operators that take precedence over the server's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_operator_of_the_applications_makes_a_group_cancel_hit_others() {
    let bed = bed().await;
    let path = format!(
        "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC; \
         CREATE FUNCTION app.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT true'; \
         CREATE OPERATOR app.= (LEFTARG = text, RIGHTARG = text, FUNCTION = app.same); \
         ALTER DATABASE {} SET search_path = app, public, pg_catalog",
        bed.database.name()
    );
    bed.run(&path).await;
    let admin = bed.database.admin();
    let innocent = Factory::<PgDb>::new(pg_config(&bed.database.url(), |_| {}));
    let innocent = tokio::spawn(async move { innocent.scope(slow()).await });
    testbed::eventually(Duration::from_secs(20), "it runs", || async {
        running(&admin).await == 1
    })
    .await;
    for _round in 0..3 {
        crowd_beside(&bed, 1).await;
    }
    assert_eq!(running(&admin).await, 1);
    assert!(!innocent.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_cancel_that_is_late_does_not_hit_the_commit_of_a_session_that_goes_on() {
    let bed = PgBed::new().await;
    bed.run(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER later AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION slowly()",
    )
    .await;
    let server = bed.database.endpoint().address();
    // Later than any recovery waits.
    let (requests, texts) = (Duration::from_millis(30), Duration::from_millis(2_900));
    let (address, passed) = slow_for_others(server, requests, texts).await;
    let url = bed.database.url_at(address);
    let factory = Factory::<PgDb>::new(pg_config(&url, |config| config.pool_size = 5));
    let mut round = 1;
    let mut was_quick = false;
    // On a busy machine, its own cancel request may have come first, and a rollback may take its time.
    while AtomicU32::load(&passed, Ordering::SeqCst) == 0 || !was_quick {
        let others: Vec<_> = (0..4)
            .map(|_| {
                let factory = factory.clone();
                tokio::spawn(async move { factory.scope(slow()).await })
            })
            .collect();
        let go_on = Arc::new(Notify::new());
        let goes_on = tokio::spawn({
            let (factory, go_on) = (factory.clone(), Arc::clone(&go_on));
            async move {
                let body = async |db: &mut Session<PgDb>| {
                    tokio::select! {
                        _ended = db.batch_execute("SELECT pg_sleep(60)") => panic!("nobody ended it"),
                        () = go_on.notified() => {}
                    }
                    let started = Instant::now();
                    db.rollback().await?;
                    // One that waited for others would do so for two seconds.
                    let was_quick = started.elapsed() < Duration::from_millis(1_500);
                    db.batch_execute("INSERT INTO items SELECT count(*), 'a' FROM items")
                        .await?;
                    Ok::<_, AppError>(was_quick)
                };
                factory.with_session(body).await
            }
        });
        let admin = bed.database.admin();
        testbed::eventually(Duration::from_secs(20), "all of them run", || async {
            running(&admin).await == 5
        })
        .await;
        for other in &others {
            other.abort();
        }
        // Two cancel requests are under way, and two statements wait to be cancelled along.
        tokio::time::sleep(Duration::from_millis(15)).await;
        go_on.notify_one();
        was_quick |= goes_on.await.unwrap().unwrap();
        assert_eq!(bed.count().await, round);
        assert!(
            round < 10,
            "nobody was taken along, or each waited for others"
        );
        round += 1;
    }
}
