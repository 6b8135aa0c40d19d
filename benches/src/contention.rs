//! Many tasks on ten connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::json;

use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::pgbench;
use crate::results::{Results, quantile, rounded};
use crate::spent::Spent;
use crate::systems::{Kind, System};
use crate::unit::Unit;

const CONNECTIONS: u32 = 10;
const LIMIT: Duration = Duration::from_secs(3);

/// The time of each call, the number of calls of each task, and what the client's process spent.
#[derive(Debug, Deserialize)]
pub(crate) struct Crowd {
    pub(crate) seconds: f64,
    pub(crate) times: Vec<f64>,
    pub(crate) counts: Vec<u32>,
    pub(crate) spent: Spent,
}

/// The figures of one round. Times are in milliseconds.
struct Figures {
    per_second: f64,
    p50: f64,
    p99: f64,
    max: f64,
    fairness: f64,
    /// Processor time of a call, user and system, in microseconds.
    processor: f64,
    /// Voluntary context switches of a call.
    switches: f64,
}

impl From<Crowd> for Figures {
    fn from(mut crowd: Crowd) -> Self {
        crowd.times.sort_by(f64::total_cmp);
        let calls = crowd.times.len() as f64;
        let milliseconds = |part| quantile(&crowd.times, part) * 1e3;
        Self {
            per_second: calls / crowd.seconds,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            max: milliseconds(1.0),
            fairness: fairness(&crowd.counts),
            processor: crowd.spent.processor_seconds * 1e6 / calls,
            switches: crowd.spent.switches / calls,
        }
    }
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("contention", arguments);
    for tasks in arguments.tasks() {
        let mut rounds: BTreeMap<&str, Vec<Figures>> = BTreeMap::new();
        // pgbench has a connection for each client.
        let with_pgbench = arguments.has_pgbench() && tasks <= CONNECTIONS;
        for _ in 0..arguments.rounds {
            for kind in arguments.systems() {
                let bed = Bed::new(Duration::ZERO).await?;
                let crowd = crowd(&bed, kind, tasks).await?;
                rounds.entry(kind.name()).or_default().push(crowd.into());
            }
            if with_pgbench {
                let bed = Bed::new(Duration::ZERO).await?;
                let url = bed.direct();
                let crowd =
                    tokio::task::spawn_blocking(move || pgbench::crowd(&url, tasks, LIMIT)).await?;
                rounds.entry(pgbench::NAME).or_default().push(crowd?.into());
            }
        }
        let systems = arguments.systems().into_iter().map(Kind::name);
        for system in systems.chain(with_pgbench.then_some(pgbench::NAME)) {
            let figures = rounds.remove(system).unwrap_or_default();
            let middle = |figure: fn(&Figures) -> f64| {
                let mut all: Vec<f64> = figures.iter().map(figure).collect();
                all.sort_by(f64::total_cmp);
                quantile(&all, 0.5)
            };
            results.add(json!({
                "system": system,
                "tasks": tasks,
                "calls_per_second": rounded(middle(|round| round.per_second), 0),
                "p50_ms": rounded(middle(|round| round.p50), 2),
                "p99_ms": rounded(middle(|round| round.p99), 2),
                "max_ms": rounded(middle(|round| round.max), 2),
                "fairness": rounded(middle(|round| round.fairness), 3),
                "processor_us_per_call": rounded(middle(|round| round.processor), 1),
                "voluntary_switches_per_call": rounded(middle(|round| round.switches), 2),
            }));
        }
    }
    results.finish()
}

async fn crowd(bed: &Bed, kind: Kind, tasks: u32) -> Result<Crowd> {
    let url = bed.direct();
    if let Some(python) = kind.python(&url, CONNECTIONS)? {
        let command = json!({"do": "crowd", "tasks": tasks, "seconds": LIMIT.as_secs_f64()});
        return tokio::task::spawn_blocking(move || {
            python.ask::<f64>(&json!({"do": "served", "calls": 4 * CONNECTIONS}))?;
            python.ask(&command)
        })
        .await?;
    }
    let system = kind.open(&url, CONNECTIONS).await?;
    together(&system, 4 * CONNECTIONS, Duration::from_millis(200)).await?;
    together(&system, tasks, LIMIT).await
}

async fn together(system: &Arc<dyn System>, tasks: u32, limit: Duration) -> Result<Crowd> {
    let before = Spent::by_this_process()?;
    let started = Instant::now();
    let tasks = (1..=tasks).map(|row| {
        let system = Arc::clone(system);
        tokio::spawn(async move {
            let mut times = Vec::new();
            loop {
                let began = Instant::now();
                if began.duration_since(started) >= limit {
                    return anyhow::Ok(times);
                }
                system
                    .run(Unit::write(1).on_row(i32::try_from(row)?))
                    .await?;
                times.push(began.elapsed().as_secs_f64());
            }
        })
    });
    let mut crowd = Crowd {
        seconds: 0.0,
        times: Vec::new(),
        counts: Vec::new(),
        spent: before,
    };
    for times in try_join_all(tasks).await? {
        let times = times?;
        crowd.counts.push(u32::try_from(times.len())?);
        crowd.times.extend(times);
    }
    crowd.seconds = started.elapsed().as_secs_f64();
    crowd.spent = Spent::by_this_process()?.since(before);
    Ok(crowd)
}

/// Jain's fairness index: 1 if all tasks got the same, 1/n if one of n tasks got everything.
fn fairness(counts: &[u32]) -> f64 {
    let sum: f64 = counts.iter().copied().map(f64::from).sum();
    let squares: f64 = counts.iter().map(|count| f64::from(*count).powi(2)).sum();
    sum * sum / (counts.len() as f64 * squares)
}
