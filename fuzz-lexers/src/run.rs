//! A run: parallel lanes, each with its own database, and their findings.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use serde::Serialize;

use crate::case::Case;
use crate::judge::{Verdict, judge};
use crate::subject::{Outcome, Subject, Told};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) texts: u64,
    pub(crate) seed: u64,
    pub(crate) lanes: u64,
    pub(crate) repeat: Option<u64>,
}

/// The number of cases between two checks of the table.
const BATCH: u64 = 100;
/// The greatest number of findings of each kind that are printed.
const MOST_TOLD: usize = 10;

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    backend: &'static str,
    texts: u64,
    cases: u64,
    seed: u64,
    /// Cases with an `Ok`, although a row is missing, or a rolled-back row is there.
    acquitted_wrongly: u64,
    /// Cases with an untrue error.
    untrue: u64,
    /// Cases with a session's error, although no text failed or ended the transaction.
    false_alarms: u64,
    /// How many times each outcome occurred.
    told: BTreeMap<&'static str, u64>,
    seconds: f64,
    #[serde(skip)]
    pub(crate) findings: Vec<String>,
}

impl Report {
    pub(crate) fn is_clean(&self) -> bool {
        self.acquitted_wrongly == 0 && self.untrue == 0
    }

    fn add(&mut self, case: &Case, told: &Told, verdict: Verdict) {
        self.cases += 1;
        self.texts += case.steps.len() as u64;
        let outcome = match told.outcome {
            Outcome::Ok => "ok",
            Outcome::RolledBack(_) => "rolled_back",
            Outcome::Ended(_) => "ended_by_body",
            Outcome::Unknown(_) => "unknown",
            Outcome::Body(_) => "body",
        };
        *self.told.entry(outcome).or_default() += 1;
        let (count, what) = match verdict {
            Verdict::True | Verdict::TrueError => return,
            Verdict::FalseAlarm => (&mut self.false_alarms, "false alarm"),
            Verdict::Untrue(what) => (&mut self.untrue, what),
            Verdict::AcquittedWrongly(what) => (&mut self.acquitted_wrongly, what),
        };
        *count += 1;
        if usize::try_from(*count).is_ok_and(|count| count <= MOST_TOLD) {
            self.findings.push(format!(
                "{what}: {told:?}\n{case:#?}\nagain: --repeat {}\n",
                case.number
            ));
        }
    }

    fn join(&mut self, other: Self) {
        self.texts += other.texts;
        self.cases += other.cases;
        self.acquitted_wrongly += other.acquitted_wrongly;
        self.untrue += other.untrue;
        self.false_alarms += other.false_alarms;
        for (outcome, count) in other.told {
            *self.told.entry(outcome).or_default() += count;
        }
        self.findings.extend(other.findings);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} texts in {:.0} s: {} acquitted wrongly, {} untrue, {} false alarms",
            self.backend,
            self.texts,
            self.seconds,
            self.acquitted_wrongly,
            self.untrue,
            self.false_alarms
        )
    }
}

pub(crate) async fn run<S: Subject>(plan: Plan) -> Report {
    let started = Instant::now();
    let server = S::server().await;
    let mut report = Report {
        backend: S::NAME,
        seed: plan.seed,
        ..Report::default()
    };
    let lanes: Vec<_> = (0..plan.lanes)
        .map(|number| {
            let server = server.clone();
            tokio::spawn(async move { lane::<S>(&server, plan, number).await })
        })
        .collect();
    for lane in lanes {
        report.join(lane.await.expect("a lane runs to its end"));
    }
    report.seconds = started.elapsed().as_secs_f64();
    report
}

/// Runs the cases whose numbers have the remainder `number` when divided by the number of lanes.
async fn lane<S: Subject>(server: &S::Server, plan: Plan, number: u64) -> Report {
    let mut report = Report::default();
    let subject = S::open(server).await;
    if let Some(number_of_case) = plan.repeat {
        if number == 0 {
            let case = Case::new(S::WORDS, plan.seed, number_of_case);
            some(&subject, vec![case], &mut report).await;
        }
        return report;
    }
    let mut at = number;
    while report.texts < plan.texts.div_ceil(plan.lanes) {
        let cases = (0..BATCH).map(|_| {
            let case = Case::new(S::WORDS, plan.seed, at);
            at += plan.lanes;
            case
        });
        some(&subject, cases.collect(), &mut report).await;
    }
    report
}

async fn some<S: Subject>(subject: &S, cases: Vec<Case>, report: &mut Report) {
    let mut told = Vec::with_capacity(cases.len());
    for case in &cases {
        told.push(subject.tell(case).await);
    }
    let present = subject.present().await;
    for (case, told) in cases.iter().zip(&told) {
        report.add(case, told, judge(case, told, &present));
    }
    subject.sweep().await;
}
