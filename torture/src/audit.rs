//! The audit after each case: what was told is compared with what is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};

use crate::bed::{Bed, Found, Scene};
use crate::case::{Case, Entry, Verdict};
use crate::problem::Problem;
use crate::subject::{Answer, LIMIT, Subject};

/// How long things may take to come to rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Until nothing runs, nothing is locked, and no session is out.
    pub(crate) settle: Duration,
    /// Until all connections of the pool are lent at once, and have answered.
    pub(crate) borrow: Duration,
    /// The fault kills connections. One that died this moment may meet its borrower before the news
    /// does: the first statement then says so, and the next call has to succeed.
    pub(crate) may_meet_the_dead: bool,
}

/// Compares what the callers were told with the rows that are there.
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
        let whole = (0..entry.rows).all(|item| counts(item) == 1)
            && found.iter().all(|row| (0..entry.rows).contains(&row.item));
        let nothing = found.is_empty();
        if found.iter().any(|row| row.count > 1) {
            problems.push(Problem::Doubled { unit });
        } else if found.iter().any(|row| row.item < 0) {
            problems.push(Problem::RolledBackRows { unit });
        } else if !whole && !nothing {
            problems.push(Problem::Half {
                unit,
                found: found.len(),
                rows: entry.rows,
            });
        } else if entry.verdict == Some(Verdict::Committed) && !whole {
            problems.push(Problem::OkWithoutRows { unit });
        } else if entry.verdict == Some(Verdict::RolledBack) && !nothing {
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

/// Audits a case: first everything comes to rest, then the rows, then the pool.
pub(crate) async fn audit(
    bed: &mut Bed,
    subject: &dyn Subject,
    case: &Case,
    baseline: &str,
    limits: Limits,
) -> Vec<Problem> {
    let scene = match settled(bed, subject, case, limits.settle).await {
        Ok(scene) => scene,
        Err(problem) => return vec![problem],
    };
    let mut problems = judge(&case.entries(), &scene.rows);
    if scene.connections > LIMIT {
        problems.push(Problem::TooManyConnections {
            found: scene.connections,
        });
    }
    let mut borrowed = borrow_all(subject, case.id(), baseline, limits.borrow).await;
    let is_news = |problem: &Problem| matches!(problem, Problem::NextBorrowerFails { .. });
    if limits.may_meet_the_dead && borrowed.iter().any(is_news) {
        borrowed = borrow_all(subject, case.id(), baseline, limits.borrow).await;
    }
    problems.extend(borrowed);
    problems
}

async fn settled(
    bed: &mut Bed,
    subject: &dyn Subject,
    case: &Case,
    limit: Duration,
) -> Result<Scene, Problem> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        let quiet = subject.is_quiet();
        let scene = bed.scene(case.id()).await;
        let few = scene.connections <= LIMIT;
        if quiet && scene.is_quiet() && few {
            return Ok(scene);
        }
        if started.elapsed() > limit {
            return match Problem::of_unrest(&scene) {
                Some(problem) => Err(problem),
                None if quiet => Ok(scene),
                None => Err(Problem::NotRecovered),
            };
        }
        sleep(pause).await;
        // Most come to rest within milliseconds. Those that do not take half a minute, many side by side.
        pause = (pause * 2).min(Duration::from_millis(4).max(started.elapsed() / 50));
    }
}

/// Takes all connections at once: each must answer the question that it was asked, from the state that
/// a fresh connection has.
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

/// What an untouched connection answers.
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
