//! A primary and its standbys: where writes can be read, and which standby takes over.

use std::time::Duration;

use testbed::postgres::{Database, Replicated, Server};

async fn rows(server: &Server, database: &Database) -> i64 {
    let admin = server.endpoint().admin_of(database.name());
    admin.integer("SELECT count(*) FROM t").await
}

async fn with_table(set: &Replicated) -> Database {
    let database = set.database().await;
    database
        .execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
        .await;
    set.caught_up().await;
    database
}

#[tokio::test]
async fn what_the_primary_commits_reaches_both_standbys_and_they_take_no_writes() {
    let set = Replicated::start().await;
    let database = with_table(&set).await;
    for standby in set.standbys() {
        assert!(standby.is_standby().await);
        assert_eq!(rows(&standby, &database).await, 1);
        let admin = standby.endpoint().admin_of(database.name());
        let error = admin
            .try_rows("INSERT INTO t VALUES (2)")
            .await
            .unwrap_err();
        assert_eq!(error.code().unwrap().code(), "25006");
    }
    let states = "SELECT application_name, sync_state FROM pg_stat_replication ORDER BY 1";
    let states = set.primary().admin().rows(states).await;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let states: Vec<_> = states
        .iter()
        .map(|row| (text(&row[0]), text(&row[1])))
        .collect();
    let expected = [("node_b", "sync"), ("node_c", "async")];
    assert_eq!(
        states,
        expected.map(|(name, state)| (name.into(), state.into()))
    );
}

#[tokio::test]
async fn a_standby_that_pauses_shows_the_past_until_it_goes_on() {
    let set = Replicated::start().await;
    let database = with_table(&set).await;
    let standby = set.asynchronous();
    standby.pause_replay().await;
    database.execute("INSERT INTO t VALUES (2)").await;
    assert_eq!(rows(&standby, &database).await, 1);
    standby.resume_replay().await;
    set.caught_up().await;
    assert_eq!(rows(&standby, &database).await, 2);
}

#[tokio::test]
async fn the_synchronous_standby_takes_over_with_every_commit_and_the_other_follows_it() {
    let set = Replicated::start().await;
    let database = with_table(&set).await;
    let old = set.primary();
    old.kill().await;
    set.promote().await;
    let new = set.primary();
    assert!(!new.is(&old) && !new.is_standby().await);
    assert_eq!(rows(&new, &database).await, 1);
    let admin = new.endpoint().admin_of(database.name());
    admin.execute("INSERT INTO t VALUES (2)").await;
    set.caught_up().await;
    assert_eq!(rows(&set.synchronous(), &database).await, 2);

    set.rejoin(&old).await;
    assert!(old.is_standby().await);
    set.caught_up().await;
    assert_eq!(rows(&old, &database).await, 2);
    assert_eq!(set.standbys().len(), 2);

    // Promote again: one standby is left, and becomes the primary.
    set.primary().stop().await;
    set.promote().await;
    let admin = set.primary().endpoint().admin_of(database.name());
    admin.execute("INSERT INTO t VALUES (3)").await;
    assert_eq!(admin.integer("SELECT count(*) FROM t").await, 3);
}

#[tokio::test]
async fn commits_wait_for_the_synchronous_standby_and_for_nobody_when_told_so() {
    let set = Replicated::start().await;
    let database = with_table(&set).await;
    let lost = set.synchronous();
    lost.kill().await;
    let admin = set.primary().endpoint().admin_of(database.name());
    let insert = tokio::spawn(async move { admin.execute("INSERT INTO t VALUES (2)").await });
    let watcher = set.primary().admin();
    testbed::eventually(Duration::from_secs(20), "the commit waits", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        watcher.integer(waiting).await == 1
    })
    .await;
    set.wait_for_nobody().await;
    insert.await.unwrap();
    lost.start_again().await;
    set.caught_up().await;
    assert_eq!(rows(&lost, &database).await, 2);
}
