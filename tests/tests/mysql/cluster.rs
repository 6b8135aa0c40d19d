//! Several hosts that are one database: a Galera cluster, each node of which takes writes.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{AbortReason, Factory, Session, SessionError, StatementError, with_session};
use session_factory_tests::{AppError, MyDb, items, my_config};
use testbed::galera::Cluster;
use testbed::mysql::Database;
use tokio::sync::Barrier;

use super::insert;

async fn rename(db: &mut Session<MyDb>, id: i32, name: &str) -> QueryResult<usize> {
    let row = diesel::update(items::table.find(id)).set(items::name.eq(name));
    row.execute(db).await
}

/// Adds a letter. At the first attempt both nodes lock their own copy of the row before either goes on.
#[with_session(retry(max = 10, base = "5ms"))]
async fn append(
    db: &mut Session<MyDb>,
    letter: &str,
    locked: Arc<Barrier>,
) -> Result<u32, AppError> {
    let row = items::table.find(1);
    let before: String = row.select(items::name).for_update().get_result(db).await?;
    if db.attempt() == 1 {
        locked.wait().await;
    }
    rename(db, 1, &format!("{before}{letter}")).await?;
    Ok(db.attempt())
}

fn factory(cluster: &Cluster, database: &Database, first: usize) -> Factory<MyDb> {
    Factory::new(my_config(&cluster.url(database, first), |config| {
        config.connect_timeout = Duration::from_secs(20);
    }))
}

async fn name(database: &Database, cluster: &Cluster, node: usize) -> String {
    let admin = database.admin_at(cluster.nodes()[node].address());
    admin.rows("SET SESSION wsrep_sync_wait = 7").await;
    admin.text("SELECT name FROM items WHERE id = 1").await
}

/// One test: a cluster takes a while to form.
#[tokio::test]
async fn conflicts_are_true_and_retried_and_a_killed_node_is_left_for_the_next() {
    let cluster = Cluster::start().await;
    let database = cluster.database().await;
    Database::execute(
        &database,
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    )
    .await;
    let (one, other) = (
        factory(&cluster, &database, 0),
        factory(&cluster, &database, 1),
    );
    one.with_session(async |db| insert(db, 1).await)
        .await
        .unwrap();
    assert_eq!(name(&database, &cluster, 1).await, "x");

    // The other node commits first: the loser's transaction is gone, whatever it does next. A COMMIT behind
    // that would be answered with OK.
    let lost = one
        .with_session(async |db| {
            rename(db, 1, "loser").await?;
            other
                .with_session(async |db| rename(db, 1, "winner").await)
                .await?;
            assert_eq!(name(&database, &cluster, 0).await, "winner");
            let _swallowed = items::table.count().get_result::<i64>(db).await;
            let _swallowed = insert(db, 2).await;
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    let AppError::Session(SessionError::Aborted(aborted)) = lost else {
        panic!("{lost:?}")
    };
    assert_eq!(
        aborted.statement().and_then(StatementError::code),
        Some(1213)
    );
    assert!(matches!(aborted.reason(), AbortReason::Statement(_)));
    assert_eq!(database.integer("SELECT count(*) FROM items").await, 1);
    assert_eq!(name(&database, &cluster, 0).await, "winner");

    // If no statement runs in between, the server refuses COMMIT itself with a deadlock, which `retry` repeats.
    let refused = one
        .with_session(async |db| {
            rename(db, 1, "loser").await?;
            other
                .with_session(async |db| rename(db, 1, "second").await)
                .await?;
            Ok::<_, AppError>(())
        })
        .await;
    let error = refused.unwrap_err();
    let AppError::Session(error @ SessionError::Commit(_)) = error else {
        panic!("{error:?}")
    };
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(name(&database, &cluster, 1).await, "second");

    // And `retry` does.
    Database::execute(&database, "UPDATE items SET name = ''").await;
    assert_eq!(name(&database, &cluster, 1).await, "");
    let locked = Arc::new(Barrier::new(2));
    let (one_more, another) = tokio::join!(
        one.scope(append("a", Arc::clone(&locked))),
        other.scope(append("b", Arc::clone(&locked))),
    );
    let (one_more, another) = (one_more.unwrap(), another.unwrap());
    assert_eq!(one_more.min(another), 1);
    assert!(one_more.max(another) > 1, "nobody was in anybody's way");
    assert_eq!(name(&database, &cluster, 0).await.len(), 2);

    // The first host of `one` is killed: the next one serves, and the first again when it is back.
    cluster.kill(0).await;
    testbed::eventually(Duration::from_secs(60), "the next node serves", || async {
        one.with_session(async |db| rename(db, 1, "without").await)
            .await
            .is_ok()
    })
    .await;
    cluster.rejoin(0).await;
    assert_eq!(name(&database, &cluster, 0).await, "without");
    let back = factory(&cluster, &database, 0);
    back.with_session(async |db| rename(db, 1, "with").await)
        .await
        .unwrap();
    assert_eq!(name(&database, &cluster, 2).await, "with");

    // A node that has lost the others lets everybody in and refuses their queries: it is told as what it is.
    cluster.kill(0).await;
    cluster.kill(1).await;
    testbed::eventually(Duration::from_secs(60), "the last node knows", || async {
        let alone = factory(&cluster, &database, 0).health().await;
        let error = alone.err().map(|error| format!("{error:?}"));
        error.is_some_and(|error| error.contains("takes no part in its cluster"))
    })
    .await;
}
