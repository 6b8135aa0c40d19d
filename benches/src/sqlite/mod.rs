//! Short transactions on SQLite.

mod systems;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;

use self::systems::{FLOOR, LAST, Lite, OURS, open};
use crate::arguments::Arguments;
use crate::results::{Results, quantile, rounded};
use crate::systems::Kind;

/// The number of rounds. The systems alternate, so that other load on the machine affects all of
/// them. The first round warms up, and the median of the others counts.
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(300);
const SYSTEMS: [(&str, Kind); 5] = [
    (OURS, Kind::Ours),
    (LAST, Kind::Ours),
    ("diesel-async's wrapper", Kind::Bb8),
    ("sqlx", Kind::Sqlx),
    (FLOOR, Kind::Bb8),
];

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("sqlite", arguments);
    let chosen = arguments.systems();
    // The synchronous floor's results with one task, reading and writing.
    let mut floors = [None, None];
    for tasks in [1, 10, 100] {
        for write in [true, false] {
            let mut measured = Vec::new();
            for (system, kind) in SYSTEMS {
                // A read-only transaction has nothing to send with COMMIT, and the synchronous
                // floor has one thread.
                let fits = match system {
                    LAST => write,
                    FLOOR => tasks == 1,
                    _ => true,
                };
                if fits && chosen.contains(&kind) {
                    let database = database();
                    let lite = open(system, &database).await?;
                    measured.push((system, database, lite, Rounds::default()));
                }
            }
            for round in 0..ROUNDS {
                for (_, _, lite, rounds) in &mut measured {
                    let times = together(lite, tasks, write).await?;
                    if round > 0 {
                        rounds.add(times);
                    }
                }
            }
            let floor = &mut floors[usize::from(write)];
            for (system, _, _, rounds) in &mut measured {
                if *system == FLOOR {
                    *floor = Some(rounds.middle());
                }
            }
            for (system, _, _, rounds) in measured {
                results.add(record(system, tasks, write, rounds, *floor));
            }
        }
    }
    results.finish()
}

/// One system's results.
#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    times: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, (per_second, times): (f64, Vec<f64>)) {
        self.per_second.push(per_second);
        self.times.extend(times);
    }

    fn middle(&mut self) -> f64 {
        self.per_second.sort_by(f64::total_cmp);
        quantile(&self.per_second, 0.5)
    }
}

fn record(
    system: &str,
    tasks: u32,
    write: bool,
    mut rounds: Rounds,
    floor: Option<f64>,
) -> serde_json::Value {
    let per_second = rounds.middle();
    rounds.times.sort_by(f64::total_cmp);
    json!({
        "system": system,
        "tasks": tasks,
        "kind": if write { "write" } else { "read" },
        "per_second": rounded(per_second, 0),
        "percent_of_plain_diesel": floor.map(|floor| rounded(100.0 * per_second / floor, 0)),
        "p99_ms": rounded(quantile(&rounds.times, 0.99) * 1e3, 3),
    })
}

fn database() -> testbed::sqlite::Database {
    let database = testbed::sqlite::Database::new();
    database.execute(
        "PRAGMA journal_mode = WAL; CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); \
         WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 1000) \
         INSERT INTO counters SELECT id, 0 FROM ids",
    );
    database
}

async fn together(lite: &Arc<dyn Lite>, tasks: u32, write: bool) -> Result<(f64, Vec<f64>)> {
    let started = Instant::now();
    let tasks = (1..=tasks).map(|row| {
        let lite = Arc::clone(lite);
        tokio::spawn(async move {
            let row = i32::try_from(row)?;
            let mut times = Vec::new();
            while started.elapsed() < ROUND {
                let began = Instant::now();
                if write {
                    lite.write(row).await?;
                } else {
                    lite.read(row).await?;
                }
                times.push(began.elapsed().as_secs_f64());
            }
            anyhow::Ok(times)
        })
    });
    let mut times = Vec::new();
    for taken in try_join_all(tasks).await? {
        times.extend(taken?);
    }
    let per_second = times.len() as f64 / started.elapsed().as_secs_f64();
    Ok((per_second, times))
}
