use std::borrow::Cow;

use super::*;
use crate::driver::savepoint_name;

fn work() -> Work {
    let begin = Begin {
        sql: |_| "BEGIN".into(),
        options: TransactionOptions::new(),
    };
    Work::new(begin, None, None)
}

fn text(work: &Work) -> Option<String> {
    let text = work.prelude().text().map(Cow::into_owned)?;
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
    work.abandoned();
    assert!(work.verdict(&Watched::Open).is_some());
    work.undo(level);
    assert!(work.verdict(&Watched::Open).is_none());
}

#[test]
fn after_a_failed_begin_only_a_statement_that_begins_again_can_be_committed() {
    let mut work = work();
    work.sent();
    work.answered();
    work.not_begun();
    assert!(!work.is_begun());
    assert!(matches!(
        work.verdict(&Watched::Open),
        Some(SessionError::Aborted(_))
    ));
    work.sent();
    work.answered();
    assert!(work.verdict(&Watched::Open).is_none());
}

#[test]
fn a_failed_begin_is_still_known_once_the_fault_on_top_of_it_is_rolled_back() {
    let mut work = work();
    work.sent();
    work.answered();
    work.not_begun();
    let level = work.savepoint();
    work.set_closure_level(level);
    assert!(work.begun_by_hand("commit_transaction").is_err());
    assert!(work.has_fault());
    work.undo(level);
    assert!(!work.has_fault());
    assert!(work.verdict(&Watched::Open).is_some());
}

#[test]
fn a_statement_that_is_dropped_behind_a_sent_commit_leaves_the_session_committing() {
    let mut work = work();
    let sent = CommitSent::default();
    work.sent();
    work.set_commit_sent(sent.clone());
    sent.set();
    work.abandoned();
    assert!(work.is_committing());
    assert_eq!(work.running(), Running::End);
    assert!(matches!(
        work.check(&Watched::Open),
        Err(SessionError::CommitUnknown(_))
    ));
}

#[test]
fn a_statement_that_is_dropped_before_its_commit_was_sent_has_to_be_ended() {
    let mut work = work();
    work.sent();
    work.set_commit_sent(CommitSent::default());
    work.abandoned();
    assert!(!work.is_committing());
    assert_eq!(work.running(), Running::Statement);
    assert!(work.prelude().settle);
    assert!(work.has_fault());
}

#[test]
fn a_rollback_that_was_dropped_may_still_wait_behind_a_statement() {
    let mut work = work();
    work.sent();
    work.answered();
    assert_eq!(work.running(), Running::Nothing);
    work.rolling_back();
    assert!(work.is_ending());
    assert_eq!(work.running(), Running::Statement);
    work.ended();
    assert_eq!(work.running(), Running::Nothing);
}

#[test]
fn what_was_committed_and_lost_outlives_the_transaction() {
    let mut work = work();
    work.sent();
    work.answered();
    work.set_rollback_only();
    let ended = Watched::Ended {
        committed: true,
        error: None,
    };
    let error = work.verdict(&ended);
    assert!(matches!(error, Some(SessionError::PartlyCommitted(_))));
    work.ended();
    assert!(work.has_committed());
    assert!(matches!(
        work.loss(),
        Some(SessionError::PartlyCommitted(_))
    ));
    work.forget_loss();
    assert!(work.loss().is_none() && work.has_committed());
}
