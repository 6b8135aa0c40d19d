//! The primary dies and a standby takes over: typed errors in between, no restart of the
//! application, no acknowledged commit lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Factory, Session, SessionError, with_session};
use session_factory_tests::{PgDb, create_items, items, pg_config};
use testbed::postgres::{Replicated, Server};

const SOON: Duration = Duration::from_secs(60);

#[with_session]
async fn add(db: &mut Session<PgDb>, id: i32) -> Result<usize, SessionError> {
    Ok(diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("Ada")))
        .execute(db)
        .await?)
}

/// Writes until `stop` is set. Returns the acknowledged rows, and the errors.
async fn write(next: Arc<AtomicI32>, stop: Arc<AtomicBool>) -> (Vec<i32>, Vec<SessionError>) {
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    while !AtomicBool::load(&stop, Ordering::SeqCst) {
        let id = next.fetch_add(1, Ordering::SeqCst);
        match add(id).await {
            Ok(_) => kept.push(id),
            Err(error) => refused.push(error),
        }
        tokio::task::yield_now().await;
    }
    (kept, refused)
}

#[tokio::test]
async fn a_promoted_standby_takes_over_without_a_restart_and_no_acknowledged_commit_is_lost() {
    let set = Replicated::start().await;
    let database = set.database().await;
    create_items(&database).await;
    set.caught_up().await;
    let (hosts, name) = (set.hosts(), database.name());
    let url = format!("postgres://app@{hosts}/{name}?target_session_attrs=read-write");
    let factory = Factory::<PgDb>::new(pg_config(&url, |config| {
        config.pool_timeout = Duration::from_secs(5);
    }));
    let next = Arc::new(AtomicI32::new(1));
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(factory.scope(write(Arc::clone(&next), Arc::clone(&stop)))))
        .collect();
    let admin = set.primary().endpoint().admin_of(name);
    testbed::eventually(SOON, "they write", async || {
        admin.integer("SELECT count(*) FROM items").await > 50
    })
    .await;
    set.primary().kill().await;
    set.promote().await;
    let admin = set.primary().endpoint().admin_of(name);
    let before = admin.integer("SELECT count(*) FROM items").await;
    testbed::eventually(SOON, "they write to the new primary", async || {
        admin.integer("SELECT count(*) FROM items").await > before + 50
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for writer in writers {
        let (one, other) = writer.await.unwrap();
        kept.extend(one);
        refused.extend(other);
    }
    assert!(!refused.is_empty(), "nobody noticed");
    for error in &refused {
        let typed = matches!(
            error,
            SessionError::Acquire(_)
                | SessionError::Query(_)
                | SessionError::CommitUnknown(_)
                | SessionError::Aborted(_)
                | SessionError::Commit(_)
        );
        assert!(typed, "{error}");
    }
    let rows = admin.rows("SELECT id FROM items").await;
    let there: BTreeSet<i32> = rows
        .into_iter()
        .map(|row| row[0].as_ref().unwrap().parse().unwrap())
        .collect();
    let lost: Vec<_> = kept.iter().filter(|id| !there.contains(id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let unknown = refused
        .iter()
        .filter(|error| matches!(error, SessionError::CommitUnknown(_)));
    assert!(
        there.len() <= kept.len() + unknown.count(),
        "what was refused was not kept"
    );
}

#[tokio::test]
async fn one_write_that_a_demoted_server_refuses_drops_every_connection_to_it() {
    let (old, new) = (Server::start().await, Server::start().await);
    for server in [&old, &new] {
        let sql = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
        server.admin().rows(sql).await;
        server.admin().rows("ALTER TABLE items OWNER TO app").await;
    }
    let (first, second) = (old.address(), new.address());
    let url = format!("postgres://app@{first},{second}/postgres?target_session_attrs=read-write");
    let factory = Factory::<PgDb>::new(pg_config(&url, |config| config.pool_size = 5));
    let mut idle = Vec::new();
    for _ in 0..5 {
        let mut db = factory.create_session().await.unwrap();
        diesel::sql_query("SELECT 1")
            .execute(&mut db)
            .await
            .unwrap();
        idle.push(db);
    }
    for db in idle {
        db.close().await.unwrap();
    }
    assert_eq!(factory.status().open, 5);
    // The old primary runs, but no longer accepts writes.
    old.alter("default_transaction_read_only", "on").await;
    factory
        .scope(async {
            let refused = add(0).await.unwrap_err();
            assert!(
                refused.to_string().contains("read-only transaction"),
                "{refused}"
            );
            for id in 1..=10 {
                add(id).await.unwrap();
            }
        })
        .await;
    assert_eq!(new.admin().integer("SELECT count(*) FROM items").await, 10);
}
