//! Compares the session's result with the rows in the database.

use std::collections::BTreeSet;

use session_factory::CommittedPart;

use crate::case::Case;
use crate::subject::{Outcome, Told};

/// The result of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A true `Ok`.
    True,
    /// A true error.
    TrueError,
    /// A session's error, although no text of the case can have failed or ended the transaction.
    FalseAlarm,
    /// An error that claims an untrue commit or rollback.
    Untrue(&'static str),
    /// An untrue `Ok`.
    AcquittedWrongly(&'static str),
}

pub(crate) fn judge(case: &Case, told: &Told, present: &BTreeSet<i32>) -> Verdict {
    let [first, inside, last] = case.ids();
    let has = |id| present.contains(&id);
    match &told.outcome {
        Outcome::Ok => {
            if !has(first) {
                Verdict::AcquittedWrongly("the first row is gone")
            } else if told.last == Some(true) && !has(last) {
                Verdict::AcquittedWrongly("the last row is gone")
            } else if told.savepoint == Some(true) && !has(inside) {
                Verdict::AcquittedWrongly("the savepoint's row is gone")
            } else if told.savepoint == Some(false) && has(inside) {
                Verdict::AcquittedWrongly("the row of a failed savepoint is there")
            } else {
                Verdict::True
            }
        }
        Outcome::RolledBack(_) if has(first) || has(inside) || has(last) => {
            Verdict::Untrue("told as rolled back, and a row is there")
        }
        Outcome::Ended(
            CommittedPart::Before
            | CommittedPart::BeforeAndBehind
            | CommittedPart::BeforeAndSomeBehind,
        ) if !has(first) => Verdict::Untrue("told as committed, and the row is gone"),
        Outcome::Ended(CommittedPart::Behind | CommittedPart::SomeBehind) if has(first) => {
            Verdict::Untrue("told as rolled back, and the row is there")
        }
        Outcome::Ended(CommittedPart::Before) if has(last) => {
            Verdict::Untrue("told as rolled back, and the last row is there")
        }
        Outcome::Body(_) => Verdict::TrueError,
        // If a text's rows were dropped, only the session saw its error.
        _ if case.ends || told.has_failed || case.drops_rows() => Verdict::TrueError,
        _ => Verdict::FalseAlarm,
    }
}
