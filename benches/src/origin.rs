//! The commit and the date of a measurement.

use std::process::Command;

use crate::results::root;

/// As `0123abcd, 2026-01-31`. Changes of the page and its pictures are ignored.
pub(crate) fn now() -> String {
    let commit =
        said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "no commit".to_owned());
    let status = [
        "status",
        "--porcelain",
        "--",
        ".",
        ":(exclude)docs/benchmarks",
    ];
    let changes = if said("git", &status).is_some_and(|status| !status.is_empty()) {
        " + changes"
    } else {
        ""
    };
    let day = said("date", &["-u", "+%F"]).unwrap_or_else(|| "on some day".to_owned());
    format!("{commit}{changes}, {day}")
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
