//! 500 annotated functions beside the same 500 written by hand: the compiler's time, and the
//! program's size.
//!
//! Both projects are generated, and their dependencies are built first. Each time is the minimum of
//! several runs, which alternate between the projects, because another process can only add to a
//! time. On a busy machine, the processor time is more exact than the elapsed time.

mod build;
mod functions;
mod project;

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use self::build::{Cost, Profile};
use self::project::{Project, Style};
use crate::arguments::Arguments;
use crate::results::{Results, rounded, target};

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("compile", arguments);
    let folder = target().join("bench/compile");
    let projects = [
        Project::generate(Style::ByHand, &folder)?,
        Project::generate(Style::Annotated, &folder)?,
    ];
    let mut costs: BTreeMap<(usize, Style), Vec<Cost>> = BTreeMap::new();
    let mut sizes = Vec::new();
    let mut ices = Vec::new();
    for project in &projects {
        // Builds the dependencies, and measures the size.
        build::build(project, Profile::Check)?;
        build::build(project, Profile::Dev)?;
        sizes.push(build::release_size(project)?);
    }
    for run in 0..arguments.runs {
        for project in &projects {
            let mut measured = |what: usize, cost: Option<Cost>| {
                if let Some(cost) = cost {
                    costs.entry((what, project.style)).or_default().push(cost);
                }
            };
            for (profile, cold, changed) in [(Profile::Check, 0, 1), (Profile::Dev, 2, 3)] {
                build::forget(project, profile)?;
                measured(cold, Some(build::build(project, profile)?));
                project.change_one_body(run)?;
                let rebuilt = build::rebuild(project, profile)?;
                if rebuilt.is_none() {
                    ices.push((changed, project.style));
                }
                measured(changed, rebuilt);
            }
            measured(4, Some(build::expansion(project)?));
        }
    }
    for (what, name) in WHAT.iter().enumerate() {
        let least = |style| Cost::least(costs.get(&(what, style)).map_or(&[][..], Vec::as_slice));
        let by_hand = least(Style::ByHand);
        for project in &projects {
            let cost = least(project.style);
            let ice = ices.contains(&(what, project.style));
            results.add(json!({
                "system": project.style.name(),
                "kind": name,
                "seconds": cost.map(|cost| rounded(cost.seconds, 3)),
                "cpu_seconds": cost.map(|cost| rounded(cost.cpu, 3)),
                "ratio": cost.zip(by_hand).map(|(ours, theirs)| rounded(ours.cpu / theirs.cpu, 3)),
                "note": ice.then_some("the compiler crashed in some runs, and built from nothing"),
            }));
        }
    }
    for (project, size) in projects.iter().zip(&sizes) {
        results.add(json!({
            "system": project.style.name(),
            "kind": "size of the program, stripped",
            "bytes": size,
            "ratio": rounded(*size as f64 / sizes[0] as f64, 3),
        }));
    }
    results.finish()
}

const WHAT: [&str; 5] = [
    "cargo check, from nothing",
    "cargo check, one body changed",
    "cargo build, from nothing",
    "cargo build, one body changed",
    "expansion of all macros",
];
