//! What holds for every message: no case has more errors than mistakes, and the `use` lines of a case, which are right,
//! are not reported beside its mistake.

#![allow(clippy::panic, reason = "a case that cannot be read fails its test")]

use std::fs;
use std::path::Path;

use session_factory_ui_tests::{Kind, cases, mistakes};

/// The messages that break a rule, with what is wrong.
fn offenders(rule: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| {
        let path = root.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    cases()
        .into_iter()
        .filter(|case| case.kind == Kind::Fail)
        .filter_map(|case| {
            let wrong = rule(
                &read(&case.path),
                &read(&case.path.with_extension("stderr")),
            )?;
            Some(format!("{}: {wrong}", case.path.display()))
        })
        .collect()
}

#[test]
fn no_case_has_more_errors_than_mistakes() {
    let offenders = offenders(|source, stderr| {
        let errors = stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        let mistakes = mistakes(source);
        (errors > mistakes).then(|| format!("{errors} errors, and mistakes: {mistakes}"))
    });
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn no_message_lists_what_implements_a_hidden_trait() {
    let offenders = offenders(|_, stderr| {
        let line = stderr.lines().find(|line| {
            let is_hidden = line.contains("session_factory::__private");
            is_hidden && line.contains("is implemented for")
        })?;
        Some(line.to_owned())
    });
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn no_right_import_is_reported() {
    let offenders = offenders(|_, stderr| {
        let warning = stderr
            .lines()
            .find(|line| line.starts_with("warning: unused import"))?;
        Some(warning.to_owned())
    });
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}
