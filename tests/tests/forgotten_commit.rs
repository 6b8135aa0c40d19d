//! Reports what no result can say: a dropped uncommitted session, and a part that stays although
//! the call did not end in `Ok`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use session_factory_tests::{LiteBed, MyBed, PgBed};

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

const KEPT: &str = "yet not all of its work is rolled back";

/// A call whose body commits with raw SQL and does not return `Ok`: the body's error does not
/// mention what stays.
fn assert_reported(url: &str, claim: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_global_factory"))
        .arg("raw-commits")
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    let reported = String::from_utf8(output.stderr).unwrap();
    for raw in [false, true] {
        // The call returns the body's error unchanged.
        assert!(
            told.contains(&format!("{raw} Fails: the body's own")),
            "{told}"
        );
        assert!(told.contains(&format!("{raw} Panics: panicked")), "{told}");
        assert!(
            told.contains(&format!("{raw} IsDropped: dropped")),
            "{told}"
        );
    }
    let reports: Vec<_> = reported
        .lines()
        .filter(|line| line.contains("did not end in Ok"))
        .collect();
    // One report for each call. An `Ok` has no report, and neither has an `Err` whose body
    // committed nothing.
    assert_eq!(reports.len(), 6, "{reported}");
    for report in reports {
        assert!(report.contains("global_factory.rs:"), "{report}");
        assert!(
            report.contains(&format!("did not end in Ok, and {claim}: ")),
            "{report}"
        );
        assert!(report.contains("db.commit()"), "{report}");
    }
}

#[tokio::test]
async fn what_a_raw_commit_kept_of_a_call_that_did_not_end_in_ok_is_reported_on_postgres() {
    let bed = PgBed::new().await;
    assert_reported(&bed.database.url(), KEPT);
}

#[tokio::test]
async fn what_a_raw_commit_kept_of_a_call_that_did_not_end_in_ok_is_reported_on_mysql() {
    let bed = MyBed::new().await;
    assert_reported(&bed.database.url(), KEPT);
}

#[tokio::test]
async fn what_a_raw_commit_kept_of_a_call_that_did_not_end_in_ok_is_reported_on_sqlite() {
    let bed = LiteBed::new().await;
    // SQLite does not say how the transaction ended.
    assert_reported(&bed.database.url(), "a part of its work may be committed");
}
