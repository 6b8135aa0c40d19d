//! What holds for every message: no case has more errors than mistakes, and the `use` lines of a case, which are right,
//! are not reported beside its mistake.

use std::fs;
use std::path::Path;

use session_factory_ui_tests::{Kind, cases, mistakes};

/// The folders that the rules hold for.
const FOLDERS: &[&str] = &["tests/session_factory"];

/// The messages that break a rule, with what is wrong.
fn offenders(rule: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    cases()
        .into_iter()
        .filter(|case| case.kind == Kind::Fail)
        .filter(|case| FOLDERS.iter().any(|folder| case.path.starts_with(folder)))
        .filter_map(|case| {
            let source = fs::read_to_string(root.join(&case.path)).expect("it is a case");
            let stderr = fs::read_to_string(root.join(case.path.with_extension("stderr")));
            let wrong = rule(&source, &stderr.expect("it has a message"))?;
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
fn no_right_import_is_reported() {
    let offenders = offenders(|_, stderr| {
        let warning = stderr
            .lines()
            .find(|line| line.starts_with("warning: unused import"))?;
        Some(warning.to_owned())
    });
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}
