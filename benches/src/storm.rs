//! Calls that are cancelled during a slow query, followed by as many normal ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use testbed::postgres::Admin;
use tokio::sync::Notify;

use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::results::{Results, rounded};
use crate::systems::{Kind, Python, System};
use crate::unit::Unit;

const CONNECTIONS: u32 = 10;
/// How long the slow query takes if the server does not cancel it, for storms up to so many calls.
const SLOW: [(u32, f64); 2] = [(200, 2.0), (u32::MAX, 0.5)];
/// How long after sending its slow query the caller gives up.
const AFTER: Duration = Duration::from_millis(10);

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("storm", arguments);
    for cancels in arguments.cancels() {
        for kind in arguments.systems() {
            // Each system gets a new server, so that no system suffers from the previous one's
            // remains.
            let bed = Bed::new(Duration::ZERO).await?;
            results.add(storm(&bed, kind, cancels).await?);
        }
    }
    results.finish()
}

async fn storm(bed: &Bed, kind: Kind, cancels: u32) -> Result<serde_json::Value> {
    let slow = SLOW
        .iter()
        .find(|(most, _)| cancels <= *most)
        .map_or(0.5, |(_, slow)| *slow);
    let driven = Driven::open(kind, &bed.counted()).await?;
    driven.served(4 * CONNECTIONS).await?;
    bed.quiet().await;
    bed.proxy.reset_counts();
    let peak = Peak::watch(&bed.database.admin());
    let mut seconds = driven.cancelled(cancels, slow).await?;
    let locks_after_cancel = bed.database.integer(LOCKS).await;
    seconds += driven.served(cancels).await?;
    let locks_left = bed.database.integer(LOCKS).await;
    Ok(json!({
        "system": kind.name(),
        "cancels": cancels,
        "slow_seconds": slow,
        "seconds": rounded(seconds, 3),
        "connections_opened": bed.proxy.counts().opened,
        "peak_backends": peak.end().await,
        "locks_after_cancel": locks_after_cancel,
        "locks_left": locks_left,
    }))
}

/// Where the calls are made: in this process, or in another language's process.
enum Driven {
    Here(Arc<dyn System>),
    There(Arc<Python>),
}

impl Driven {
    async fn open(kind: Kind, url: &str) -> Result<Self> {
        Ok(match kind.python(url, CONNECTIONS)? {
            Some(python) => Self::There(Arc::new(python)),
            None => Self::Here(kind.open(url, CONNECTIONS).await?),
        })
    }

    /// Makes `cancels` calls and cancels them. Returns the seconds until the last one has returned.
    async fn cancelled(&self, cancels: u32, slow: f64) -> Result<f64> {
        let system = match self {
            Self::Here(system) => system,
            Self::There(python) => {
                let after = AFTER.as_secs_f64();
                let command =
                    json!({"do": "cancelled", "calls": cancels, "seconds": slow, "after": after});
                return asked(python, command).await;
            }
        };
        let started = Instant::now();
        let calls = (1..=cancels).map(|row| tokio::spawn(doomed(Arc::clone(system), row, slow)));
        for ended in try_join_all(calls).await? {
            ended?;
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// Makes `calls` normal calls at once, which change the same rows. Returns the seconds that
    /// they take.
    async fn served(&self, calls: u32) -> Result<f64> {
        let system = match self {
            Self::Here(system) => system,
            Self::There(python) => {
                return asked(python, json!({"do": "served", "calls": calls})).await;
            }
        };
        let started = Instant::now();
        let calls = (1..=calls).map(|row| {
            let system = Arc::clone(system);
            tokio::spawn(
                async move { system.run(Unit::write(1).on_row(i32::try_from(row)?)).await },
            )
        });
        for ended in try_join_all(calls).await? {
            ended?;
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

async fn asked(python: &Arc<Python>, command: serde_json::Value) -> Result<f64> {
    let python = Arc::clone(python);
    tokio::task::spawn_blocking(move || python.ask(&command)).await?
}

/// Counts transactions that hold a row's lock. No caller waits for any of them.
const LOCKS: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
     WHERE datname = current_database() AND usename = 'app' AND mode = 'RowExclusiveLock' \
     AND pg_locks.relation = 'counters'::regclass";

/// Counts the database's backends, except the one that asks. The query is cheap, and only the
/// measured system is connected to this database.
const BACKENDS: &str =
    "SELECT numbackends - 1 FROM pg_stat_database WHERE datname = current_database()";

/// Makes a call whose caller drops it.
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

/// The greatest number of backends at one time.
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
                    let now = admin.integer(BACKENDS).await;
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
