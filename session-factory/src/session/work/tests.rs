use std::borrow::Cow;

use super::*;
use crate::driver::savepoint_name;

fn work() -> Work {
    let begin = Begin {
        sql: |_| "BEGIN".into(),
        options: TransactionOptions::new(),
    };
    Work::new(begin, None)
}

fn text(work: &Work) -> Option<String> {
    let text = work.ahead().text().map(Cow::into_owned)?;
    Some(text.replace(savepoint_name::prefix(), "NAME_"))
}

#[test]
fn begin_travels_with_the_first_statement_only() {
    let mut work = work();
    assert_eq!(text(&work).as_deref(), Some("BEGIN"));
    work.sent();
    assert_eq!(text(&work), None);
}

#[test]
fn each_savepoint_is_named_by_its_level_however_deep_it_is() {
    let mut work = work();
    work.sent();
    for _ in 0..8 {
        work.savepoint();
    }
    work.sent();
    for _ in 9..=11 {
        work.savepoint();
    }
    assert_eq!(
        text(&work).as_deref(),
        Some(
            "SAVEPOINT NAME_9; SAVEPOINT NAME_10; \
             SAVEPOINT NAME_11"
        )
    );
    work.sent();
    assert!(work.undo(10));
    assert_eq!(
        text(&work).as_deref(),
        Some("ROLLBACK TO SAVEPOINT NAME_10; RELEASE SAVEPOINT NAME_10")
    );
}

#[test]
fn a_savepoint_in_which_nothing_runs_is_never_sent() {
    let mut work = work();
    work.sent();
    let level = work.savepoint();
    assert_eq!(text(&work).as_deref(), Some("SAVEPOINT NAME_1"));
    work.release(level);
    assert_eq!(text(&work), None);
    let level = work.savepoint();
    assert!(!work.undo(level));
    assert_eq!(text(&work), None);
}

#[test]
fn an_abandoned_savepoint_takes_what_waits_inside_of_it_along() {
    let mut work = work();
    work.sent();
    let outer = work.savepoint();
    work.sent();
    work.savepoint();
    assert!(work.undo(outer));
    assert_eq!(
        text(&work).as_deref(),
        Some("ROLLBACK TO SAVEPOINT NAME_1; RELEASE SAVEPOINT NAME_1")
    );
    assert_eq!(work.depth(), 0);
}

#[test]
fn rolling_a_savepoint_back_forgives_the_faults_inside_of_it() {
    let mut work = work();
    work.sent();
    work.answered();
    let level = work.savepoint();
    work.sent();
    work.dropped();
    assert!(work.verdict(Watched::Open).is_some());
    work.undo(level);
    assert!(work.verdict(Watched::Open).is_none());
}
