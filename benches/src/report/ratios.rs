//! Compares this crate with the best peer in one run.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use super::Record;
use super::promises::{Claim, Promise};
use crate::results::kept;

const OURS: &str = "session-factory";
/// Below this fairness, a pool serves some tasks and starves others, and its p99 describes the
/// served ones only.
const FAIR: f64 = 0.5;
/// If a ratio is this close to the promised one, it is printed with one more digit.
const CLOSE: f64 = 0.02;

/// A promise and its measured figures.
pub(super) struct Row {
    pub(super) promise: Promise,
    ours: String,
    peer: String,
    theirs: String,
    ratio: Option<f64>,
    held: Option<bool>,
}

impl Row {
    pub(super) fn is_missed(&self) -> bool {
        self.held == Some(false)
    }
}

/// A row for each promise that was measured.
pub(super) fn rows(promises: Vec<Promise>) -> Vec<Row> {
    promises.into_iter().filter_map(row).collect()
}

fn row(promise: Promise) -> Option<Row> {
    let records = kept(promise.measurement).ok()?;
    let all_ours = values(&records, &promise, OURS);
    let (peer, all_theirs) = best(&records, &promise)?;
    let (ours, theirs) = (all_ours.first()?.1, all_theirs.first()?.1);
    let (ratio, held) = match promise.claim {
        Claim::More(least) => (Some(ours / theirs), Some(ours / theirs >= least)),
        Claim::Less(least) => (Some(theirs / ours), Some(theirs / ours >= least)),
        Claim::AtMost(most) => (Some(ours / theirs), Some(ours / theirs <= most)),
        Claim::Part => (Some(ours / theirs), None),
        Claim::Limit(most) => (None, Some(ours <= most)),
        Claim::Statements(more) => {
            let exact = |(statements, value): &(f64, f64)| *value == statements + f64::from(more);
            (None, Some(all_ours.iter().all(exact)))
        }
    };
    Some(Row {
        ours: shown(&promise, &all_ours),
        theirs: shown(&promise, &all_theirs),
        promise,
        peer,
        ratio,
        held,
    })
}

/// One system's values, each with its number of statements, if it has one.
fn values(records: &[Record], promise: &Promise, system: &str) -> Vec<(f64, f64)> {
    let fields = if system == OURS {
        &promise.ours
    } else {
        &promise.theirs
    };
    records
        .iter()
        .filter(|record| record.get("system").and_then(Value::as_str) == Some(system))
        .filter(|record| fields.split("; ").all(|field| has(record, field)))
        .filter_map(|record| {
            let number = |name| record.get(name).and_then(Value::as_f64);
            if promise.value == "p99_ms" && !is_fair(record) {
                return None;
            }
            Some((number("statements").unwrap_or(0.0), number(promise.value)?))
        })
        .collect()
}

/// True if the pool serves all tasks, as far as that was measured.
pub(super) fn is_fair(record: &Record) -> bool {
    let fairness = record.get("fairness").and_then(Value::as_f64);
    fairness.is_none_or(|fairness| fairness >= FAIR)
}

/// True if a record has the field `name=value`.
fn has(record: &Record, field: &str) -> bool {
    field
        .split_once('=')
        .is_some_and(|(name, wanted)| match record.get(name) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Bool(is)) => *is == (wanted == "yes"),
            Some(Value::Number(number)) => wanted.parse().ok() == number.as_f64(),
            _ => false,
        })
}

/// The peer that comes closest to beating ours, and its values.
fn best(records: &[Record], promise: &Promise) -> Option<(String, Vec<(f64, f64)>)> {
    let mut peers: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for system in records
        .iter()
        .filter_map(|record| record.get("system")?.as_str())
    {
        let wanted = if promise.peer.is_empty() {
            !system.starts_with(OURS) && system != crate::pgbench::NAME
        } else {
            system == promise.peer
        };
        let known = peers.iter().any(|(peer, _)| peer == system);
        let values = values(records, promise, system);
        if wanted && !known && !values.is_empty() {
            peers.push((system.to_owned(), values));
        }
    }
    let sum = |(_, values): &(String, Vec<(f64, f64)>)| values.iter().map(|(_, value)| value).sum();
    let compared = |one: &_, other: &_| f64::total_cmp(&sum(one), &sum(other));
    if matches!(promise.claim, Claim::More(_)) {
        peers.into_iter().max_by(compared)
    } else {
        peers.into_iter().min_by(compared)
    }
}

fn shown(promise: &Promise, values: &[(f64, f64)]) -> String {
    let all: Vec<_> = values.iter().map(|(_, value)| value.to_string()).collect();
    match promise.claim {
        Claim::Statements(_) => all.join(", "),
        _ => all.into_iter().next().unwrap_or_default(),
    }
}

/// All rows.
pub(super) fn table(rows: &[Row]) -> Result<String> {
    let mut text = String::from(
        "| what | ours | best peer | theirs | ratio | promised | held |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let (promised, close_to) = match row.promise.claim {
            Claim::More(least) | Claim::Less(least) => (format!("≥ {least}"), least),
            Claim::AtMost(most) => (format!("≤ {most:.2}"), most),
            Claim::Limit(most) => (format!("≤ {most}"), 0.0),
            Claim::Statements(0) => ("N".to_owned(), 0.0),
            Claim::Statements(more) => (format!("N + {more}"), 0.0),
            Claim::Part => (String::new(), 0.0),
        };
        let ratio = row.ratio.map(|ratio| {
            let close = (ratio - close_to).abs() <= CLOSE * close_to;
            format!("{ratio:.*}", if close { 3 } else { 2 })
        });
        let held = row
            .held
            .map_or("", |held| if held { "yes" } else { "**no**" });
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {promised} | {held} |",
            row.promise.what,
            row.ours,
            row.peer,
            row.theirs,
            ratio.unwrap_or_default(),
        )?;
    }
    Ok(text)
}

/// A line for each promise that is missed.
pub(super) fn missed(rows: &[Row]) -> String {
    let lines: Vec<_> = rows
        .iter()
        .filter(|row| row.is_missed())
        .map(|row| {
            let why = row.promise.why.unwrap_or("Not explained yet.");
            let line = format!(
                "**{}** ({} against {} of {}). {why}",
                row.promise.what, row.ours, row.theirs, row.peer
            );
            format!("- {}", super::wrapped(&line).replace('\n', "\n  "))
        })
        .collect();
    if lines.is_empty() {
        "Nothing.".to_owned()
    } else {
        lines.join("\n")
    }
}
