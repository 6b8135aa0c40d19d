//! Compiles each case of `tests/with_session`, `tests/session_factory` and `tests/test`. `README.md` says how one is run
//! alone, and how a message is taken over.

use std::io::Write as _;

use session_factory_ui_tests::{Case, Kind, cases};

/// Fewer than these, and somebody has moved a folder to where nobody looks.
const FAILING: usize = 500;
const PASSING: usize = 110;

#[test]
fn cases_with_a_mistake_are_explained_by_cargo_check() {
    // On their own they are checked, and not built: a message that only a build gives, no editor shows.
    let build = trybuild::TestCases::new();
    let count = each(Kind::Fail, |case| build.compile_fail(&case.path));
    // Past the test harness, which keeps what is printed to itself.
    let passing = each(Kind::Pass, |_| {});
    let _ = writeln!(std::io::stderr(), "ui-tests: {count} fail, {passing} pass");
    assert!(count >= FAILING, "{count} failing cases");
}

#[test]
fn cases_without_one_compile_and_run() {
    let build = trybuild::TestCases::new();
    let count = each(Kind::Pass, |case| build.pass(&case.path));
    assert!(count >= PASSING, "{count} passing cases");
}

/// Gives their number.
fn each(kind: Kind, mut take: impl FnMut(&Case)) -> usize {
    cases()
        .iter()
        .filter(|case| case.kind == kind)
        .map(&mut take)
        .count()
}
