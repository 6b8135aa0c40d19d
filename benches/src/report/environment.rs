//! The machine, the versions and the dates of the measurements.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::arguments::Arguments;
use crate::results::origin;

/// Crates whose versions the report prints.
const CRATES: [&str; 7] = [
    "bb8",
    "deadpool",
    "diesel",
    "diesel-async",
    "sea-orm",
    "sqlx",
    "tokio-postgres",
];

/// The table. `measured` contains the names of all measurements in the report.
pub(super) fn table(arguments: &Arguments, measured: &[&str]) -> Result<String> {
    let mut text = String::from("| what | version |\n| --- | --- |\n");
    let mut origins: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in measured {
        let origin = origin(name).unwrap_or_else(|| "not known".to_owned());
        origins.entry(origin).or_default().push(name);
    }
    for (origin, names) in &origins {
        let of = if origins.len() > 1 {
            format!(" ({})", names.join(", "))
        } else {
            String::new()
        };
        writeln!(text, "| commit and day{of} | {origin} |")?;
    }
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    writeln!(text, "| machine | {cores} cores, {model} |")?;
    for program in ["rustc", "postgres"] {
        writeln!(text, "| {program} | {} |", version(program))?;
    }
    for line in include_str!("../../Cargo.lock").split("[[package]]") {
        let field = |name: &str| {
            line.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = ")?.get(1..))
                .map(|value| value.trim_end_matches('"').to_owned())
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && CRATES.contains(&name.as_str())
        {
            writeln!(text, "| {name} | {version} |")?;
        }
    }
    if arguments
        .systems()
        .contains(&crate::systems::Kind::SqlAlchemy)
    {
        let versions = crate::systems::python_versions()?;
        writeln!(text, "| SQLAlchemy | {versions} |")?;
    }
    Ok(text)
}

fn version(program: &str) -> String {
    let found = if program == "postgres" {
        // Debian does not add the server to `PATH`.
        fs::read_dir("/usr/lib/postgresql").ok().and_then(|folder| {
            let versions = folder
                .flatten()
                .map(|entry| entry.path().join("bin/postgres"));
            versions.max()
        })
    } else {
        None
    };
    let output = Command::new(found.unwrap_or_else(|| program.into()))
        .arg("--version")
        .output();
    output.map_or_else(
        |_| "not on the PATH".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
