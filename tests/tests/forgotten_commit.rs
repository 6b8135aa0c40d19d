//! A manual session that wrote and was dropped uncommitted is reported, with the place that opened it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use session_factory_tests::PgBed;

#[tokio::test]
async fn a_forgotten_commit_is_reported_with_file_and_line_and_nothing_else_is() {
    let bed = PgBed::new().await;
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg("forget")
        .env("DATABASE_URL", bed.database.url())
        .output()
        .unwrap();
    assert!(output.status.success());
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("global_factory.rs:"), "{shown}");
    assert!(shown.contains("without commit()"), "{shown}");
    assert_eq!(bed.count().await, 1);
}
