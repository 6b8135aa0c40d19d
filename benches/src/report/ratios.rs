//! How far ahead, or behind: this crate beside the best of the others, in one run.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use super::Record;
use crate::results::kept;

const OURS: &str = "session-factory";

/// One promise: a figure of this crate beside the same of the best peer.
struct Promise {
    what: &'static str,
    measurement: &'static str,
    value: &'static str,
    /// Fields that tell the records to compare, with their values.
    wanted: &'static [(&'static str, &'static str)],
    /// The peers to compare with; all if empty.
    peers: &'static [&'static str],
    better: Better,
    promised: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    More,
    Less,
}

const fn promise(
    what: &'static str,
    (measurement, value): (&'static str, &'static str),
    wanted: &'static [(&'static str, &'static str)],
    peers: &'static [&'static str],
    better: Better,
    promised: f64,
) -> Promise {
    Promise {
        what,
        measurement,
        value,
        wanted,
        peers,
        better,
        promised,
    }
}

const PROMISES: &[Promise] = &[
    promise(
        "storm of 200: times as fast as sqlx",
        ("storm", "seconds"),
        &[("cancels", "200")],
        &["sqlx"],
        Better::Less,
        10.0,
    ),
    promise(
        "storm of 200: times as fast as diesel-async + bb8",
        ("storm", "seconds"),
        &[("cancels", "200")],
        &["diesel-async + bb8"],
        Better::Less,
        2.0,
    ),
    promise(
        "storm of 2,000: times as fast as sqlx",
        ("storm", "seconds"),
        &[("cancels", "2000")],
        &["sqlx"],
        Better::Less,
        10.0,
    ),
    promise(
        "storm of 2,000: times as fast as diesel-async + bb8",
        ("storm", "seconds"),
        &[("cancels", "2000")],
        &["diesel-async + bb8"],
        Better::Less,
        2.0,
    ),
    promise(
        "one UPDATE at 1 ms each way: median of the best peer over ours",
        ("latency", "median_ms"),
        &[("delay_ms", "1.0"), ("kind", "write")],
        &[],
        Better::Less,
        2.0,
    ),
    promise(
        "one SELECT at 1 ms each way: median of the best peer over ours",
        ("latency", "median_ms"),
        &[("delay_ms", "1.0"), ("kind", "read")],
        &[],
        Better::Less,
        2.0,
    ),
    promise(
        "10 tasks: calls per second",
        ("contention", "calls_per_second"),
        &[("tasks", "10")],
        &[],
        Better::More,
        1.0,
    ),
    promise(
        "10 tasks: p99 of the best peer over ours",
        ("contention", "p99_ms"),
        &[("tasks", "10")],
        &[],
        Better::Less,
        1.0,
    ),
    promise(
        "100 tasks: calls per second",
        ("contention", "calls_per_second"),
        &[("tasks", "100")],
        &[],
        Better::More,
        1.0,
    ),
    promise(
        "100 tasks: p99 of the best fair peer over ours",
        ("contention", "p99_ms"),
        &[("tasks", "100")],
        FAIR,
        Better::Less,
        1.0,
    ),
    promise(
        "1,000 tasks: calls per second",
        ("contention", "calls_per_second"),
        &[("tasks", "1000")],
        &[],
        Better::More,
        1.0,
    ),
    promise(
        "1,000 tasks: p99 of the best peer over ours",
        ("contention", "p99_ms"),
        &[("tasks", "1000")],
        &[],
        Better::Less,
        1.0,
    ),
    promise(
        "10,000 tasks: calls per second",
        ("contention", "calls_per_second"),
        &[("tasks", "10000")],
        &[],
        Better::More,
        1.0,
    ),
    promise(
        "10,000 tasks: p99 of the best peer over ours",
        ("contention", "p99_ms"),
        &[("tasks", "10000")],
        &[],
        Better::Less,
        1.0,
    ),
    promise(
        "SQLite, one writer: diesel-async's wrapper",
        ("sqlite", "per_second"),
        &[("tasks", "1"), ("kind", "write")],
        &["diesel-async's wrapper"],
        Better::More,
        1.5,
    ),
    promise(
        "SQLite, one reader: diesel-async's wrapper",
        ("sqlite", "per_second"),
        &[("tasks", "1"), ("kind", "read")],
        &["diesel-async's wrapper"],
        Better::More,
        1.5,
    ),
    promise(
        "SQLite, 100 writers: diesel-async's wrapper",
        ("sqlite", "per_second"),
        &[("tasks", "100"), ("kind", "write")],
        &["diesel-async's wrapper"],
        Better::More,
        1.5,
    ),
    promise(
        "SQLite, 100 readers: diesel-async's wrapper",
        ("sqlite", "per_second"),
        &[("tasks", "100"), ("kind", "read")],
        &["diesel-async's wrapper"],
        Better::More,
        1.5,
    ),
    promise(
        "SQLite, one writer: sqlx",
        ("sqlite", "per_second"),
        &[("tasks", "1"), ("kind", "write")],
        &["sqlx"],
        Better::More,
        1.0,
    ),
    promise(
        "SQLite, one reader: sqlx",
        ("sqlite", "per_second"),
        &[("tasks", "1"), ("kind", "read")],
        &["sqlx"],
        Better::More,
        1.0,
    ),
    promise(
        "SQLite, 100 writers: sqlx",
        ("sqlite", "per_second"),
        &[("tasks", "100"), ("kind", "write")],
        &["sqlx"],
        Better::More,
        1.0,
    ),
    promise(
        "SQLite, 100 readers: sqlx",
        ("sqlite", "per_second"),
        &[("tasks", "100"), ("kind", "read")],
        &["sqlx"],
        Better::More,
        1.0,
    ),
];

/// Pools that serve everybody. bb8's p99 is that of the few tasks that get everything.
const FAIR: &[&str] = &[
    "diesel-async + deadpool",
    "sqlx",
    "SeaORM",
    "SQLAlchemy + psycopg",
];

/// A row for each promise that was measured.
pub(super) fn table() -> Result<String> {
    let mut text = String::from(
        "| ratio, higher is better | best peer | theirs | ours | ratio | promised |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for promise in PROMISES {
        let Ok(records) = kept(promise.measurement) else {
            continue;
        };
        let Some((peer, theirs, ours)) = promise.compare(&records) else {
            continue;
        };
        let ratio = match promise.better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        };
        let missed = if ratio < promise.promised {
            " (missed)"
        } else {
            ""
        };
        writeln!(
            text,
            "| {} | {peer} | {theirs} | {ours} | {ratio:.2} | {}{missed} |",
            promise.what, promise.promised
        )?;
    }
    Ok(text)
}

impl Promise {
    fn compare(&self, records: &[Record]) -> Option<(String, f64, f64)> {
        let mut peers = Vec::new();
        let mut ours = None;
        for record in records.iter().filter(|record| self.wants(record)) {
            let system = record.get("system")?.as_str()?;
            let value = record.get(self.value)?.as_f64()?;
            if system == OURS {
                ours = Some(value);
            } else if self.peers.is_empty() || self.peers.contains(&system) {
                peers.push((system.to_owned(), value));
            }
        }
        peers.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let (peer, theirs) = match self.better {
            Better::More => peers.pop()?,
            Better::Less => peers.into_iter().next()?,
        };
        Some((peer, theirs, ours?))
    }

    fn wants(&self, record: &Record) -> bool {
        self.wanted.iter().all(|(key, value)| {
            record.get(*key).is_some_and(|found| match found {
                Value::String(text) => text == value,
                other => other.to_string() == *value,
            })
        })
    }
}
