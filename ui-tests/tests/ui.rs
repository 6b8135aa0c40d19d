//! Compiles each case. After a change to a message, look at the difference, and only then take it
//! over with `TRYBUILD=overwrite cargo test -p session-factory-ui-tests`.

#[test]
fn mistakes_are_explained_and_the_rest_compiles() {
    let cases = trybuild::TestCases::new();
    for name in ["with_session", "session_factory"] {
        cases.pass(format!("tests/{name}/pass/*.rs"));
        cases.compile_fail(format!("tests/{name}/fail/*.rs"));
    }
}
