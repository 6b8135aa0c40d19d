//! Prints the results, and keeps them for the report.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value};

use crate::arguments::Arguments;

/// The results of one measurement, printed as JSON lines or as a table at the end.
#[derive(Debug)]
pub(crate) struct Results {
    name: &'static str,
    json: bool,
    part: bool,
    origin: String,
    records: Vec<Map<String, Value>>,
}

impl Results {
    pub(crate) fn new(name: &'static str, arguments: &Arguments) -> Self {
        Self {
            name,
            json: arguments.json,
            part: arguments.is_part(),
            origin: crate::origin::now(),
            records: Vec::new(),
        }
    }

    /// Adds one result, a JSON object.
    pub(crate) fn add(&mut self, record: Value) {
        if let Value::Object(record) = record {
            if self.json {
                println!("{}", Value::Object(record.clone()));
            } else {
                eprintln!("{}", Value::Object(record.clone()));
            }
            self.records.push(record);
        }
    }

    /// Prints the table, and keeps the results in the target folder. Partial results get another
    /// name, which the report does not read.
    pub(crate) fn finish(self) -> Result<()> {
        if !self.json {
            print!("{}", markdown(&self.records));
        }
        let folder = folder();
        fs::create_dir_all(&folder)?;
        let part = if self.part { "-part" } else { "" };
        let file = folder.join(format!("{}{part}.json", self.name));
        fs::write(file, serde_json::to_string_pretty(&self.records)?)?;
        fs::write(
            folder.join(format!("{}{part}.origin", self.name)),
            self.origin,
        )?;
        Ok(())
    }
}

/// The results that an earlier run kept.
pub(crate) fn kept(name: &str) -> Result<Vec<Map<String, Value>>> {
    let file = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&file).map_err(|error| {
        anyhow::anyhow!(
            "{}: {error}: run `cargo xtask bench {name}` first",
            file.display()
        )
    })?;
    Ok(serde_json::from_str(&text)?)
}

/// The commit and the date of those results.
pub(crate) fn origin(name: &str) -> Option<String> {
    fs::read_to_string(folder().join(format!("{name}.origin"))).ok()
}

fn folder() -> PathBuf {
    target().join("bench")
}

/// The workspace's target folder.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The repository's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// A table of all records. The columns are in the order in which their keys first appear.
pub(crate) fn markdown(records: &[Map<String, Value>]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for key in records.iter().flat_map(Map::keys) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    let mut text = String::new();
    let mut line = |cells: Vec<String>| {
        text.push_str("| ");
        text.push_str(&cells.join(" | "));
        text.push_str(" |\n");
    };
    line(columns.iter().map(|key| key.replace('_', " ")).collect());
    line(columns.iter().map(|_| "---".to_owned()).collect());
    for record in records {
        line(columns.iter().map(|key| cell(record.get(*key))).collect());
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Rounds to `digits` decimal places.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

/// A quantile of sorted values.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * part).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
