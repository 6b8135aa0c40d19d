//! A caller that denies every lint gets none from an expansion. Clippy really runs.
#![allow(missing_docs, clippy::panic)]

use std::process::Command;

#[test]
fn a_caller_with_every_lint_on_compiles_clean() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        .args(["clippy", "--quiet", "--manifest-path", manifest])
        .args(["--example", "strict_caller"])
        .output();
    let output = output.unwrap_or_else(|error| panic!("{cargo} clippy: {error}"));
    assert!(
        output.status.success(),
        "clippy is needed (`rustup component add clippy`), and has to be content:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
