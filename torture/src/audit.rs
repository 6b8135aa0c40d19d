//! The audit after each case: compares the callers' results with the rows in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use session_factory::CommittedPart;
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};

use crate::bed::{Bed, Found, Scene};
use crate::case::{Case, Entry, RawEnd, Verdict};
use crate::problem::Problem;
use crate::subject::{Answer, LIMIT, Subject};

/// How long a case may take to settle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until no statement runs, no lock is held, and no session is open.
    pub(crate) settle: Duration,
    /// Until all of the pool's connections are borrowed at once, and have answered.
    pub(crate) borrow: Duration,
    /// No call takes this long unless it hangs; the endless statements take a minute.
    pub(crate) call: Duration,
    /// True if the fault kills connections. A borrower may get a connection that died a moment ago:
    /// its first statement then fails, and the next call has to succeed.
    pub(crate) may_meet_the_dead: bool,
}

/// Compares the callers' results with the rows in the database.
pub(crate) fn judge(entries: &BTreeMap<i32, Entry>, rows: &[Found]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (&unit, entry) in entries {
        let found: Vec<_> = rows.iter().filter(|row| row.unit == unit).collect();
        let counts = |item| {
            found
                .iter()
                .find(|row| row.item == item)
                .map_or(0, |row| row.count)
        };
        let end = entry.end;
        let whole = (0..entry.rows).all(|item| counts(item) == 1)
            && found.iter().all(|row| (0..entry.rows).contains(&row.item));
        let nothing = found.is_empty();
        if found.iter().any(|row| row.count > 1) {
            problems.push(Problem::Doubled { unit });
        } else if found.iter().any(|row| row.item < 0) {
            problems.push(Problem::RolledBackRows { unit });
        } else if let Some(end) = end {
            problems.extend(judge_ended(unit, entry, end, |item| counts(item) == 1));
        } else if !whole && !nothing {
            problems.push(Problem::Half {
                unit,
                found: found.len(),
                rows: entry.rows,
            });
        } else if entry.verdict == Some(Verdict::Committed) && !whole {
            problems.push(Problem::OkWithoutRows { unit });
        } else if entry.verdict.is_some_and(Verdict::is_rolled_back) && !nothing {
            problems.push(Problem::ErrWithRows { unit });
        }
        let hooks = entry.hooks;
        let (kept, gone) = (whole && entry.rows > 0, nothing && entry.rows > 0);
        if hooks.saw_commit && (gone || hooks.saw_rollback)
            || hooks.saw_rollback && kept
            || hooks.wants_commit && !hooks.saw_commit && entry.verdict == Some(Verdict::Committed)
        {
            problems.push(Problem::HookLied { unit });
        }
    }
    let known = |row: &&Found| !entries.contains_key(&row.unit);
    if let Some(row) = rows.iter().find(known) {
        problems.push(Problem::UnknownRows { unit: row.unit });
    }
    problems
}

/// Like `judge`, for a unit whose own SQL ends its transaction. The rows before that end and the
/// rows after it may be there independently of each other.
fn judge_ended(
    unit: i32,
    entry: &Entry,
    end: RawEnd,
    is_there: impl Fn(i32) -> bool,
) -> Option<Problem> {
    let (mut before, mut behind) = (0..end.before, end.before..entry.rows);
    let (any_before, all_before) = (before.clone().any(&is_there), before.all(&is_there));
    let (any_behind, all_behind) = (behind.clone().any(&is_there), behind.all(&is_there));
    let is_true = match entry.verdict {
        Some(Verdict::Committed) if !(all_before && all_behind) => {
            return Some(Problem::OkWithoutRows { unit });
        }
        Some(Verdict::RolledBack) => !any_before && !any_behind,
        Some(Verdict::Failed) => {
            let by_hand = if end.commits { end.by_hand } else { 0 };
            !(by_hand..entry.rows).any(&is_there)
        }
        Some(Verdict::Partly(part)) => match part {
            CommittedPart::Before => all_before && !any_behind,
            CommittedPart::BeforeAndBehind => all_before && all_behind,
            CommittedPart::BeforeAndSomeBehind => all_before,
            CommittedPart::Behind => !any_before && all_behind,
            CommittedPart::SomeBehind => !any_before,
        },
        Some(Verdict::Committed | Verdict::Unknown) | None => end.commits || !any_before,
    };
    (!is_true).then_some(Problem::ErrWithRows { unit })
}

/// Audits a case: waits until it settles, checks the rows, then the pool.
pub(crate) async fn audit(
    bed: &mut Bed,
    subject: &dyn Subject,
    case: &Case,
    baseline: &str,
    limits: Limits,
) -> Vec<Problem> {
    let (mut scene, unrest) = settled(bed, subject, case, limits.settle).await;
    let mut problems = Vec::new();
    if unrest.is_empty() {
        problems = judge(&case.entries(), &scene.rows);
    }
    let mut borrowed = borrow_all(subject, case.id(), baseline, limits.borrow).await;
    let is_news = |problem: &Problem| matches!(problem, Problem::NextBorrowerFails { .. });
    if limits.may_meet_the_dead && borrowed.iter().any(is_news) {
        borrowed = borrow_all(subject, case.id(), baseline, limits.borrow).await;
    }
    problems.extend(borrowed);
    if !unrest.is_empty() {
        // Unfinished work may block the next borrower, or its connection may have been replaced
        // already.
        scene = bed.scene(case.id()).await;
        problems.extend(unrest);
    }
    if scene.connections > LIMIT {
        problems.push(Problem::TooManyConnections {
            found: scene.connections,
        });
    }
    problems
}

async fn settled(
    bed: &mut Bed,
    subject: &dyn Subject,
    case: &Case,
    limit: Duration,
) -> (Scene, Vec<Problem>) {
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        let quiet = subject.is_quiet();
        let scene = bed.scene(case.id()).await;
        let few = scene.connections <= LIMIT;
        if quiet && scene.is_quiet() && few {
            return (scene, Vec::new());
        }
        if started.elapsed() > limit {
            let unrest = match Problem::of_unrest(&scene) {
                Some(problem) => vec![problem],
                None if quiet => Vec::new(),
                None => vec![Problem::NotRecovered],
            };
            return (scene, unrest);
        }
        sleep(pause).await;
        // Most cases settle within milliseconds. The others take half a minute, many of them in
        // parallel.
        pause = (pause * 2).min(Duration::from_millis(4).max(started.elapsed() / 50));
    }
}

/// Borrows all connections at once. Each must answer its own question, and be in the state of a
/// fresh connection.
async fn borrow_all(
    subject: &dyn Subject,
    token: i64,
    baseline: &str,
    limit: Duration,
) -> Vec<Problem> {
    let all = Arc::new(Barrier::new(LIMIT as usize));
    let tokens: Vec<_> = (0..i64::from(LIMIT)).map(|n| token * 10 + n).collect();
    let asked = tokens
        .iter()
        .map(|&token| subject.ask(token, Arc::clone(&all)));
    let Ok(answers) = timeout(limit, join_all(asked)).await else {
        return vec![Problem::NextBorrowerWaits];
    };
    let mut problems = Vec::new();
    for (token, answer) in tokens.into_iter().zip(answers) {
        match answer {
            Err(failure) => problems.push(Problem::NextBorrowerFails {
                error: failure.to_string(),
            }),
            Ok(answer) if answer.token != token => problems.push(Problem::WrongAnswer {
                detail: format!("{} instead of {token}", answer.token),
            }),
            Ok(answer) if answer.state != baseline => {
                problems.push(Problem::StateLeaked {
                    found: answer.state,
                });
            }
            Ok(_) => {}
        }
    }
    problems
}

/// The answer of an untouched connection.
pub(crate) async fn baseline(subject: &dyn Subject) -> Result<String, String> {
    let all = Arc::new(Barrier::new(LIMIT as usize));
    let asked = (0..i64::from(LIMIT)).map(|token| subject.ask(token, Arc::clone(&all)));
    let answers = timeout(Duration::from_secs(30), join_all(asked)).await;
    let answers: Result<Vec<Answer>, _> = answers
        .map_err(|_| "no connections within 30 seconds".to_owned())?
        .into_iter()
        .collect();
    let answers = answers.map_err(|error| error.to_string())?;
    Ok(answers
        .into_iter()
        .next()
        .map(|answer| answer.state)
        .unwrap_or_default())
}

#[cfg(test)]
mod tests;
