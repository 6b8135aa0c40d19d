//! The layout of the published crates: imports go in one direction, and no files import each other in a circle.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "architecture/graph.rs"]
mod graph;
#[path = "architecture/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::graph::Graph;

/// The runtime crate's folders and files, from the bottom layer to the top. A file imports from its
/// own row and from the rows above it in this list.
const LAYERS: &[&[&str]] = &[
    &["sync", "time", "panics", "names", "one_line"],
    &["call", "config", "error", "observe", "runtime"],
    &["driver"],
    &["pool"],
    &["factory"],
    &["session"],
    &["testing"],
    &["__private"],
];

/// File names that are no longer used.
const RETIRED: &[&str] = &[
    "link",
    "ledger",
    "facts",
    "places",
    "ahead",
    "ends",
    "reach",
    "introduction",
    "birth",
    "asked",
    "text",
    "control",
    "lookout",
    "stays_open",
    "repeated",
    "built",
    "lent",
    "tidy",
    "job",
    "also",
    "together",
    "own",
    "marks",
    "idle",
    "manager",
];

/// Files that still have to be moved. An entry is a file, or a folder if it ends with a slash. The
/// test fails if an entry is no longer needed.
const NOT_MOVED_YET: &[&str] = &["driver/mysql/"];

struct Finding {
    files: BTreeSet<String>,
    message: String,
}

fn source_of(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(package)
        .join("src")
}

fn layer_of(file: &str) -> Option<usize> {
    let top = file.split('/').next().unwrap().trim_end_matches(".rs");
    LAYERS.iter().position(|layer| layer.contains(&top))
}

fn upward_imports(graph: &Graph) -> impl Iterator<Item = Finding> {
    graph.edges().filter_map(|(from, to, path)| {
        if from == "lib.rs" {
            return None;
        }
        let message = match (layer_of(from), layer_of(to)) {
            (Some(own), Some(other)) if other > own => {
                format!("{from} imports {path}, which lies above it in {to}")
            }
            (None, _) => format!("{from} lies in no layer"),
            _ => return None,
        };
        Some(Finding {
            files: BTreeSet::from([from.to_owned()]),
            message,
        })
    })
}

fn circles(graph: &Graph) -> impl Iterator<Item = Finding> {
    graph.circles().into_iter().map(|files| {
        let inner: Vec<_> = graph
            .edges()
            .filter(|(from, to, _)| files.contains(*from) && files.contains(*to))
            .map(|(from, to, path)| format!("    {from} → {to} ({path})"))
            .collect();
        let message = format!(
            "{} files import each other in a circle:\n{}",
            files.len(),
            inner.join("\n")
        );
        Finding { files, message }
    })
}

fn retired_names(graph: &Graph) -> impl Iterator<Item = Finding> {
    graph.files().filter_map(|file| {
        let part = file
            .split('/')
            .find(|part| RETIRED.contains(&part.trim_end_matches(".rs")))?;
        Some(Finding {
            files: BTreeSet::from([file.to_owned()]),
            message: format!(
                "{file}: the name {part} is retired, see the glossary of CONTRIBUTING.md"
            ),
        })
    })
}

fn covers(entry: &str, file: &str) -> bool {
    file == entry || (entry.ends_with('/') && file.starts_with(entry))
}

/// The findings without an exception, and the exceptions without a finding.
fn judge(findings: Vec<Finding>, excused: &[&str]) -> Vec<String> {
    let idle = excused.iter().filter(|entry| {
        !findings
            .iter()
            .any(|finding| finding.files.iter().any(|file| covers(entry, file)))
    });
    let idle: Vec<_> = idle
        .map(|entry| {
            format!("{entry} is needed no more: take it off the list of what is not moved yet")
        })
        .collect();
    let serious = findings.into_iter().filter(|finding| {
        !finding
            .files
            .iter()
            .all(|file| excused.iter().any(|entry| covers(entry, file)))
    });
    serious.map(|finding| finding.message).chain(idle).collect()
}

#[test]
fn imports_of_the_runtime_crate_go_down_and_never_in_a_circle() {
    let graph = Graph::read(&source_of("session-factory"));
    assert!(graph.edges().count() > 200, "the imports were not read");
    let findings = circles(&graph)
        .chain(upward_imports(&graph))
        .chain(retired_names(&graph))
        .collect();
    let wrong = judge(findings, NOT_MOVED_YET);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_the_macros_never_import_each_other_in_a_circle() {
    let graph = Graph::read(&source_of("session-factory-macros"));
    assert!(graph.edges().count() > 50, "the imports were not read");
    let findings = circles(&graph).chain(retired_names(&graph)).collect();
    let wrong = judge(findings, &[]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_behind_a_re_export_is_found_and_a_parent_that_only_re_exports_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod parts; mod user;");
    write(
        "parts/mod.rs",
        "mod a; mod b; pub(crate) use self::a::A; pub(crate) use b::*;",
    );
    write("parts/a.rs", "use super::B; pub struct A(B);");
    write(
        "parts/b.rs",
        "pub struct B; fn f() { println!(\"{}\", super::A::x()) }",
    );
    write(
        "user.rs",
        "use crate::parts; fn f(_: parts::A) {}\n#[cfg(test)] mod tests { use crate::parts::B; }",
    );
    let graph = Graph::read(folder.path());
    let edges: Vec<_> = graph.edges().map(|(from, to, _)| (from, to)).collect();
    let expected = [
        ("parts/a.rs", "parts/b.rs"),
        ("parts/b.rs", "parts/a.rs"),
        ("user.rs", "parts/a.rs"),
    ];
    assert_eq!(edges, expected);
    let circle = ["parts/a.rs", "parts/b.rs"].map(str::to_owned).into();
    assert_eq!(graph.circles(), [circle]);
}

/// A row of a table on the architecture page.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Step<'page> {
    function: &'page str,
    file: &'page str,
}

/// The steps of each way, by its heading.
fn ways(page: &str) -> Vec<(&str, Vec<Step<'_>>)> {
    let quoted = |cell: &'_ str| -> Option<(usize, usize)> {
        let start = cell.find('`')? + 1;
        let end = start + cell[start..].find('`')?;
        Some((start, end))
    };
    let mut ways = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let rows = text.lines().filter(|line| {
            let first = line.trim_start_matches('|').trim_start();
            line.starts_with('|') && first.starts_with(|c: char| c.is_ascii_digit())
        });
        let steps = rows.map(|row| {
            let mut cells = row.trim_matches('|').split('|').skip(1);
            let mut cell = || {
                let cell = cells.next().unwrap();
                let (start, end) = quoted(cell).unwrap_or_else(|| panic!("{row}"));
                &cell[start..end]
            };
            Step {
                function: cell(),
                file: cell(),
            }
        });
        ways.push((heading, steps.collect()));
    }
    ways
}

#[test]
fn the_ways_that_the_architecture_page_draws_exist() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    let ways = ways(&page);
    assert_eq!(ways.len(), 4, "{ways:?}");
    for (heading, steps) in &ways {
        assert!((5..=10).contains(&steps.len()), "{heading}: {steps:?}");
        for Step { function, file } in steps {
            let source = fs::read_to_string(source_of("session-factory").join(file))
                .unwrap_or_else(|error| panic!("{heading}: {file}: {error}"));
            let defines = |end| source.contains(&format!("fn {function}{end}"));
            assert!(
                defines('(') || defines('<'),
                "{heading}: {file} has no function {function}"
            );
        }
    }
    let (heading, update) = &ways[0];
    assert!(heading.contains("UPDATE"), "{heading}");
    let visited: BTreeSet<_> = update.iter().collect();
    assert_eq!(visited.len(), update.len(), "{update:?}");
}
