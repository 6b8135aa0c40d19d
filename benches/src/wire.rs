//! The round trips of a unit of work, and those that its caller waits for.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::latency::{added, ping};
use crate::results::{Results, rounded};
use crate::systems::{Kind, System};
use crate::unit::Unit;

/// The delay in each direction. Everything else takes much less time.
const DELAY: Duration = Duration::from_millis(10);
/// After this many units, all statements are prepared (psycopg prepares at the sixth use).
const WARM: u32 = 7;
const TIMES: u32 = 5;
/// The number of runs without the line, which are quick.
const NEAR: u32 = 50;

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("wire", arguments);
    let bed = Bed::new(DELAY).await?;
    added(&bed, DELAY).await?;
    // The proxy's delay counts as the line's.
    let line = ping(&bed.counted()).await? - ping(&bed.direct()).await?;
    for kind in arguments.systems_and_ping() {
        let system = kind.open(&bed.counted(), 1).await?;
        let near = kind.open(&bed.direct(), 1).await?;
        for unit in units(kind) {
            let (round_trips, fastest) = measure(&bed, &*system, unit).await?;
            // The time on the line alone, without the work at both ends.
            let waits = ((fastest - quickest(&*near, unit).await?) / line).round();
            // A caller waits for each round trip at most once.
            let waits = waits.min(round_trips);
            results.add(json!({
                "system": kind.name(),
                "statements": unit.statements,
                "kind": unit.kind(),
                "savepoint": unit.savepoint,
                "round_trips": round_trips,
                "caller_waits": waits,
            }));
        }
    }
    results.finish()
}

fn units(kind: Kind) -> Vec<Unit> {
    let mut units = Vec::new();
    for statements in [1, 2, 5, 20] {
        let write = Unit::write(statements);
        units.extend([
            write,
            write.with_savepoint(),
            write.rolled_back(),
            write.rolled_back().with_savepoint(),
            Unit::read(statements),
        ]);
        if kind == Kind::Ours {
            units.push(write.commit_with());
        }
    }
    units
}

async fn measure(bed: &Bed, system: &dyn System, unit: Unit) -> Result<(f64, f64)> {
    for _ in 0..WARM {
        system.run(unit).await?;
        settled(bed).await;
    }
    let (mut total, mut fastest) = (0, Duration::MAX);
    for _ in 0..TIMES {
        bed.proxy.reset_counts();
        let started = Instant::now();
        system.run(unit).await?;
        // The fastest run has the least delay from anything except the line.
        fastest = fastest.min(started.elapsed());
        settled(bed).await;
        total += bed.proxy.counts().round_trips;
    }
    let round_trips = rounded(total as f64 / f64::from(TIMES), 2);
    Ok((round_trips, fastest.as_secs_f64()))
}

/// Measures the fastest run without a line.
async fn quickest(system: &dyn System, unit: Unit) -> Result<f64> {
    let mut fastest = Duration::MAX;
    for _ in 0..NEAR {
        let started = Instant::now();
        system.run(unit).await?;
        fastest = fastest.min(started.elapsed());
    }
    Ok(fastest.as_secs_f64())
}

/// Waits until all requests are answered and none follows.
async fn settled(bed: &Bed) {
    let mut before = (0, 0);
    let mut calm = 0;
    while calm < 4 {
        tokio::time::sleep(DELAY).await;
        let counts = bed.proxy.counts();
        let now = (counts.bytes_to_server, counts.bytes_to_client);
        calm = if now == before { calm + 1 } else { 0 };
        before = now;
    }
}
