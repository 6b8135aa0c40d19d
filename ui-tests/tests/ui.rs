//! Compiles each case of `tests/with_session` and `tests/session_factory`. `README.md` says how one is run
//! alone, and how a message is taken over.

use std::io::Write as _;

use session_factory_ui_tests::{Kind, cases};

/// Fewer than these, and somebody has moved a folder to where nobody looks.
const FAILING: usize = 90;
const PASSING: usize = 60;

#[test]
fn mistakes_are_explained_and_the_rest_compiles() {
    let build = trybuild::TestCases::new();
    let (mut failing, mut passing) = (0, 0);
    for case in cases() {
        match case.kind {
            Kind::Fail => {
                failing += 1;
                build.compile_fail(&case.path);
            }
            Kind::Pass => {
                passing += 1;
                build.pass(&case.path);
            }
        }
    }
    // Past the test harness, which keeps what is printed to itself.
    let _ = writeln!(
        std::io::stderr(),
        "ui-tests: {failing} fail, {passing} pass"
    );
    assert!(failing >= FAILING, "{failing} failing cases");
    assert!(passing >= PASSING, "{passing} passing cases");
}
