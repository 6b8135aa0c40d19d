//! `docs/errors.md` is what the failing cases say.

use expect_test::expect_file;

#[test]
fn the_published_mistakes_are_those_of_the_cases() {
    expect_file!["../../docs/errors.md"].assert_eq(&session_factory_ui_tests::page());
}
