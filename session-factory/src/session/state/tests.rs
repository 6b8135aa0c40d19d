use std::borrow::Cow;

use super::*;
use crate::driver::savepoint_name;

fn state() -> SessionState {
    let begin = Begin {
        sql: |_| "BEGIN".into(),
        options: TransactionOptions::new(),
    };
    SessionState::new(begin, None, None)
}

fn text(state: &SessionState) -> Option<String> {
    let text = state.prelude().text().map(Cow::into_owned)?;
    Some(text.replace(savepoint_name::prefix(), "NAME_"))
}

#[test]
fn begin_travels_with_the_first_statement_only() {
    let mut state = state();
    assert_eq!(text(&state).as_deref(), Some("BEGIN"));
    state.sent();
    assert_eq!(text(&state), None);
}

#[test]
fn each_savepoint_is_named_by_its_level_however_deep_it_is() {
    let mut state = state();
    state.sent();
    for _ in 0..8 {
        state.savepoint();
    }
    state.sent();
    for _ in 9..=11 {
        state.savepoint();
    }
    assert_eq!(
        text(&state).as_deref(),
        Some(
            "SAVEPOINT NAME_9; SAVEPOINT NAME_10; \
             SAVEPOINT NAME_11"
        )
    );
    state.sent();
    assert!(state.undo(10));
    assert_eq!(
        text(&state).as_deref(),
        Some("ROLLBACK TO SAVEPOINT NAME_10; RELEASE SAVEPOINT NAME_10")
    );
}

#[test]
fn a_savepoint_in_which_nothing_runs_is_never_sent() {
    let mut state = state();
    state.sent();
    let level = state.savepoint();
    assert_eq!(text(&state).as_deref(), Some("SAVEPOINT NAME_1"));
    state.release(level);
    assert_eq!(text(&state), None);
    let level = state.savepoint();
    assert!(!state.undo(level));
    assert_eq!(text(&state), None);
}

#[test]
fn an_abandoned_savepoint_takes_what_waits_inside_of_it_along() {
    let mut state = state();
    state.sent();
    let outer = state.savepoint();
    state.sent();
    state.savepoint();
    assert!(state.undo(outer));
    assert_eq!(
        text(&state).as_deref(),
        Some("ROLLBACK TO SAVEPOINT NAME_1; RELEASE SAVEPOINT NAME_1")
    );
    assert_eq!(state.depth(), 0);
}

#[test]
fn rolling_a_savepoint_back_forgives_the_faults_inside_of_it() {
    let mut state = state();
    state.sent();
    state.answered();
    let level = state.savepoint();
    state.sent();
    state.abandoned();
    assert!(state.verdict(&TransactionStatus::Open).is_some());
    state.undo(level);
    assert!(state.verdict(&TransactionStatus::Open).is_none());
}

#[test]
fn after_a_failed_begin_only_a_statement_that_begins_again_can_be_committed() {
    let mut state = state();
    state.sent();
    state.answered();
    state.not_begun();
    assert!(!state.is_begun());
    assert!(matches!(
        state.verdict(&TransactionStatus::Open),
        Some(SessionError::Aborted(_))
    ));
    state.sent();
    state.answered();
    assert!(state.verdict(&TransactionStatus::Open).is_none());
}

#[test]
fn a_failed_begin_is_still_known_once_the_fault_on_top_of_it_is_rolled_back() {
    let mut state = state();
    state.sent();
    state.answered();
    state.not_begun();
    let level = state.savepoint();
    state.set_closure_level(level);
    assert!(state.begun_by_hand("commit_transaction").is_err());
    assert!(state.has_fault());
    state.undo(level);
    assert!(!state.has_fault());
    assert!(state.verdict(&TransactionStatus::Open).is_some());
}

#[test]
fn a_statement_that_is_dropped_behind_a_sent_commit_leaves_the_session_committing() {
    let mut state = state();
    let sent = CommitSent::default();
    state.sent();
    state.set_commit_sent(sent.clone());
    sent.set();
    state.abandoned();
    assert!(state.is_committing());
    assert_eq!(state.running(), Running::End);
    assert!(matches!(
        state.check(&TransactionStatus::Open),
        Err(SessionError::CommitUnknown(_))
    ));
}

#[test]
fn a_statement_that_is_dropped_before_its_commit_was_sent_has_to_be_ended() {
    let mut state = state();
    state.sent();
    state.set_commit_sent(CommitSent::default());
    state.abandoned();
    assert!(!state.is_committing());
    assert_eq!(state.running(), Running::Statement);
    assert!(state.prelude().settle);
    assert!(state.has_fault());
}

#[test]
fn a_rollback_that_was_dropped_may_still_wait_behind_a_statement() {
    let mut state = state();
    state.sent();
    state.answered();
    assert_eq!(state.running(), Running::Nothing);
    state.rolling_back();
    assert!(state.is_ending());
    assert_eq!(state.running(), Running::Statement);
    state.ended();
    assert_eq!(state.running(), Running::Nothing);
}

#[test]
fn what_was_committed_and_lost_outlives_the_transaction() {
    let mut state = state();
    state.sent();
    state.answered();
    state.set_rollback_only();
    let ended = TransactionStatus::Ended {
        committed: true,
        error: None,
    };
    let error = state.verdict(&ended);
    assert!(matches!(error, Some(SessionError::PartlyCommitted(_))));
    state.ended();
    assert!(state.has_committed());
    assert!(matches!(
        state.loss(),
        Some(SessionError::PartlyCommitted(_))
    ));
    state.forget_loss();
    assert!(state.loss().is_none() && state.has_committed());
}
