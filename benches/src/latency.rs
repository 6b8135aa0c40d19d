//! The duration of one transaction over lines with different delays.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::results::{Results, quantile, rounded};
use crate::systems::{Kind, System};
use crate::unit::Unit;

/// The delays in each direction.
const DELAYS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(200),
    Duration::from_millis(1),
    Duration::from_millis(5),
];
const WARM: u32 = 20;
const TIMES: u32 = 200;
const CONNECTIONS: u32 = 10;

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("latency", arguments);
    for delay in DELAYS {
        let bed = Bed::new(delay).await?;
        let added = added(&bed, delay).await?;
        for kind in arguments.systems_and_ping() {
            for (name, unit) in units(kind) {
                let mut times = times(&bed, kind, unit).await?;
                times.sort_by(f64::total_cmp);
                results.add(json!({
                    "system": kind.name(),
                    "kind": name,
                    "delay_ms": delay.as_secs_f64() * 1e3,
                    "added_per_round_trip_ms": rounded(added, 2),
                    "median_ms": rounded(quantile(&times, 0.5) * 1e3, 3),
                    "p99_ms": rounded(quantile(&times, 0.99) * 1e3, 3),
                }));
            }
        }
    }
    results.finish()
}

fn units(kind: Kind) -> Vec<(&'static str, Unit)> {
    let mut units = vec![("write", Unit::write(1)), ("read", Unit::read(1))];
    if kind == Kind::Ours {
        units.push(("commit_with", Unit::write(1).commit_with()));
    }
    units
}

async fn times(bed: &Bed, kind: Kind, unit: Unit) -> Result<Vec<f64>> {
    let url = bed.delayed();
    if let Some(python) = kind.python(&url, CONNECTIONS)? {
        let asked = tokio::task::spawn_blocking(move || {
            python.ask::<Vec<f64>>(&json!({"do": "time", "times": WARM, "unit": unit}))?;
            python.ask::<Vec<f64>>(&json!({"do": "time", "times": TIMES, "unit": unit}))
        });
        return asked.await?;
    }
    let system = kind.open(&url, CONNECTIONS).await?;
    timed(&*system, unit, WARM).await?;
    timed(&*system, unit, TIMES).await
}

async fn timed(system: &dyn System, unit: Unit, times: u32) -> Result<Vec<f64>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        system.run(unit).await?;
        taken.push(started.elapsed().as_secs_f64());
    }
    Ok(taken)
}

/// Measures how many milliseconds the line adds to a round trip, with the same ping with and
/// without it.
pub(crate) async fn added(bed: &Bed, delay: Duration) -> Result<f64> {
    let (with, without) = (ping(&bed.delayed()).await?, ping(&bed.direct()).await?);
    let (added, claimed) = ((with - without) * 1e3, 2e3 * delay.as_secs_f64());
    ensure!(
        added >= claimed * 0.95 - 0.1 && added <= claimed * 1.2 + 0.25,
        "the line adds {added:.2} ms to a round trip, which should be {claimed:.2} ms: \
         is the machine busy with something else?"
    );
    Ok(added)
}

/// The median time of a ping, in seconds.
pub(crate) async fn ping(url: &str) -> Result<f64> {
    let factory = crate::systems::factory(url, 1)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        times.push(factory.health().await?.as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(quantile(&times, 0.5))
}
