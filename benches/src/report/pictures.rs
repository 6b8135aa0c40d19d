//! Draws each measurement.

use serde_json::Value;

use super::Record;
use super::plots::Bars;
use super::ratios;

/// The picture of one measurement.
pub(super) fn picture(name: &str, records: &[Record]) -> Option<Bars> {
    let select = |title, unit, value, wanted: &dyn Fn(&Record) -> bool| {
        let bars: Vec<_> = records
            .iter()
            .filter(|record| wanted(record))
            .filter_map(|record| Some((label(record)?, record.get(value)?.as_f64()?)))
            .collect();
        (!bars.is_empty()).then_some(Bars { title, unit, bars })
    };
    let is = |record: &Record, key: &str, value: f64| {
        record.get(key).and_then(Value::as_f64) == Some(value)
    };
    let kind = |record: &Record, kinds: &[&str]| {
        record
            .get("kind")
            .and_then(Value::as_str)
            .is_some_and(|kind| kinds.contains(&kind))
    };
    match name {
        "wire" => select(
            "Waits for the server, 5 UPDATEs: less is better",
            "",
            "caller_waits",
            &|record| {
                is(record, "statements", 5.0)
                    && kind(record, &["write", "commit_with"])
                    && record.get("savepoint") == Some(&Value::Bool(false))
            },
        ),
        "storm" => select(
            "200 cancelled calls, then 200: less is better",
            "s",
            "seconds",
            &|record| is(record, "cancels", 200.0),
        ),
        "latency" => select(
            "One UPDATE at 1 ms, median: less is better",
            "ms",
            "median_ms",
            &|record| is(record, "delay_ms", 1.0) && kind(record, &["write", "commit_with"]),
        ),
        "contention" => select(
            "1,000 tasks, p99 of a call: less is better",
            "ms",
            "p99_ms",
            // The picture omits a p99 that the comparison omits.
            &|record| is(record, "tasks", 1000.0) && ratios::is_fair(record),
        ),
        "sqlite" => select(
            "SQLite, one writer, per second: more is better",
            "",
            "per_second",
            &|record| is(record, "tasks", 1.0) && kind(record, &["write"]),
        ),
        "overhead" => select(
            "Instructions of one SELECT: less is better",
            "",
            "instructions",
            &|record| kind(record, &["one SELECT"]),
        ),
        "compile" => select(
            "500 functions, cargo build: less is better",
            "s",
            "cpu_seconds",
            &|record| kind(record, &["cargo build, from nothing"]),
        ),
        _ => None,
    }
}

/// The system's name, and its variant.
fn label(record: &Record) -> Option<String> {
    let system = record.get("system")?.as_str()?;
    // The table has the long name.
    let system = system.replace(" + psycopg,", ",");
    match record.get("kind").and_then(Value::as_str) {
        Some("commit_with") => Some(format!("{system}, commit_with")),
        _ => Some(system),
    }
}
