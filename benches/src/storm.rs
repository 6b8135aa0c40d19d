//! Calls that are cancelled in the middle of a slow query, and as many normal ones after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use testbed::postgres::Admin;
use tokio::sync::Notify;

use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::results::{Results, rounded};
use crate::systems::{Kind, System};
use crate::unit::Unit;

const CONNECTIONS: u32 = 10;
/// How long the slow query takes when nobody cancels it on the server: in a storm of so many calls, or fewer.
const SLOW: [(u32, f64); 2] = [(200, 2.0), (u32::MAX, 0.5)];
/// The caller gives up this long after its slow query was sent.
const AFTER: Duration = Duration::from_millis(10);

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("storm", arguments);
    for cancels in arguments.cancels() {
        for kind in arguments.systems() {
            // A server for each: what one leaves behind is not the next one's burden.
            let bed = Bed::new(Duration::ZERO).await?;
            results.add(storm(&bed, kind, cancels).await?);
        }
    }
    results.finish()
}

async fn storm(bed: &Bed, kind: Kind, cancels: u32) -> Result<serde_json::Value> {
    let url = bed.counted();
    let slow = SLOW
        .iter()
        .find(|(most, _)| cancels <= *most)
        .map_or(0.5, |(_, slow)| *slow);
    let mut python = None;
    let mut system = None;
    if let Some(peer) = kind.python(&url, CONNECTIONS)? {
        peer.ask::<()>(&json!({"do": "warm"}))?;
        python = Some(peer);
    } else {
        let opened = kind.open(&url, CONNECTIONS).await?;
        served(&opened, 4 * CONNECTIONS).await?;
        system = Some(opened);
    }
    bed.quiet().await;
    bed.proxy.reset_counts();
    let peak = Peak::watch(&bed.database.admin());
    let seconds = if let Some(python) = python {
        let command =
            json!({"do": "storm", "calls": cancels, "seconds": slow, "after": AFTER.as_secs_f64()});
        let asked = tokio::task::spawn_blocking(move || {
            python.ask::<f64>(&command).map(|answer| (answer, python))
        });
        let (seconds, _alive) = asked.await??;
        seconds
    } else {
        let system = system.context("a system")?;
        let started = Instant::now();
        let calls = (1..=cancels).map(|row| tokio::spawn(doomed(Arc::clone(&system), row, slow)));
        for ended in try_join_all(calls).await? {
            ended?;
        }
        served(&system, cancels).await?;
        started.elapsed().as_secs_f64()
    };
    let locks_left = bed.database.integer(LOCKS).await;
    Ok(json!({
        "system": kind.name(),
        "cancels": cancels,
        "slow_seconds": slow,
        "seconds": rounded(seconds, 3),
        "connections_opened": bed.proxy.counts().opened,
        "peak_backends": peak.end().await,
        "locks_left": locks_left,
    }))
}

/// Row locks of transactions that nobody waits for any more.
const LOCKS: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
     WHERE datname = current_database() AND usename = 'app' AND mode = 'RowExclusiveLock' \
     AND pg_locks.relation = 'counters'::regclass";

/// A call whose caller goes away.
async fn doomed(system: Arc<dyn System>, row: u32, slow: f64) -> Result<()> {
    let started = Arc::new(Notify::new());
    let call = system.slow(i32::try_from(row)?, slow, Arc::clone(&started));
    tokio::select! {
        ended = call => ensure!(ended.is_err(), "the slow query was too fast"),
        () = async {
            started.notified().await;
            tokio::time::sleep(AFTER).await;
        } => {}
    }
    Ok(())
}

/// As many normal calls, all at once, which change the same rows.
async fn served(system: &Arc<dyn System>, calls: u32) -> Result<()> {
    let calls = (1..=calls).map(|row| {
        let system = Arc::clone(system);
        tokio::spawn(async move { system.run(Unit::write(1).on_row(i32::try_from(row)?)).await })
    });
    for ended in try_join_all(calls).await? {
        ended?;
    }
    Ok(())
}

/// The most backends that the server had at one time.
struct Peak {
    most: Arc<AtomicI64>,
    done: Arc<AtomicBool>,
    watching: tokio::task::JoinHandle<()>,
}

impl Peak {
    fn watch(admin: &Admin) -> Self {
        let (most, done) = (
            Arc::new(AtomicI64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let watching = tokio::spawn({
            let (admin, most, done) = (admin.clone(), Arc::clone(&most), Arc::clone(&done));
            async move {
                loop {
                    let ended = done.load(Ordering::SeqCst);
                    let now = admin
                        .integer(
                            "SELECT count(*) FROM pg_stat_activity \
                             WHERE datname = current_database() AND usename = 'app'",
                        )
                        .await;
                    most.fetch_max(now, Ordering::SeqCst);
                    if ended {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        Self {
            most,
            done,
            watching,
        }
    }

    async fn end(self) -> i64 {
        self.done.store(true, Ordering::SeqCst);
        let _ended = self.watching.await;
        self.most.load(Ordering::SeqCst)
    }
}
