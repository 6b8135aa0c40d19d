//! One lane of the run: a database, a pool on it, and a sequence of cases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use testbed::proxy::Proxy;
use tokio::time::{sleep, timeout};

use crate::audit::{self, Limits, audit};
use crate::bed::{Against, Bed};
use crate::case::{Case, PanicAt, Verdict};
use crate::faults::{Fault, Struck, guarded};
use crate::gate::Gate;
use crate::plan::Series;
use crate::problem::Problem;
use crate::report::{Point, Report};
use crate::subject::Subject;
use crate::workloads::{Setup, Workload};

/// How long a closed pool's connections may take to end.
const GONE: Duration = Duration::from_secs(20);

/// A database, and what is tested on it.
pub(crate) struct Lane {
    pub(crate) bed: Bed,
    pub(crate) subject: Arc<dyn Subject>,
    against: Against,
    /// An untouched connection's answer.
    baseline: String,
    limits: Limits,
}

impl Lane {
    pub(crate) async fn new(mut bed: Bed, against: Against, limits: Limits) -> Self {
        let subject = bed.subject(against, Setup::Warm).await;
        bed.clear().await;
        Self {
            bed,
            subject,
            against,
            baseline: String::new(),
            limits,
        }
    }

    pub(crate) fn case(&self, panics: Option<PanicAt>) -> Case {
        Case::new(self.bed.backend(), panics)
    }

    pub(crate) fn gate(&self) -> &Gate {
        match &self.bed {
            Bed::Postgres(bed) => bed.gate(),
            Bed::Mysql(bed) => bed.gate(),
            Bed::Sqlite(_) => panic!("this fault is for servers"),
        }
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        match &self.bed {
            Bed::Postgres(bed) => bed.proxy(),
            Bed::Mysql(bed) => bed.proxy(),
            Bed::Sqlite(_) => panic!("this fault is for servers"),
        }
    }

    /// Strikes at the points of a series, until the workload ends before one.
    pub(crate) async fn run(&mut self, series: &Series, report: &Report) {
        let Series {
            fault,
            workload,
            variant,
            ..
        } = *series;
        if let Err(problem) = self.prepare(workload).await {
            self.found(series, None, vec![problem], report).await;
            return;
        }
        for at in series.points() {
            if workload.setup == Setup::Cold && self.renew(workload.setup).await.is_err() {
                return;
            }
            let struck = timeout(self.limits.call, fault.strike(self, workload, variant, at)).await;
            let (problems, reached, last) = match struck {
                Err(_) => (vec![Problem::Hung], true, false),
                Ok(Struck {
                    case,
                    reached,
                    last,
                    problem,
                }) => {
                    let mut problems = self.audit(&case).await;
                    problems.extend(problem);
                    (problems, reached, last)
                }
            };
            if reached {
                report.case(series);
            }
            if !problems.is_empty() {
                self.found(series, Some(at), problems, report).await;
                if self.against == Against::Naive {
                    // One violation is enough: more take long and prove nothing new.
                    return;
                }
                if let Err(problem) = self.prepare(workload).await {
                    self.found(series, None, vec![problem], report).await;
                    return;
                }
            }
            if last {
                return;
            }
        }
    }

    async fn audit(&mut self, case: &Case) -> Vec<Problem> {
        let subject = Arc::clone(&self.subject);
        audit(&mut self.bed, &*subject, case, &self.baseline, self.limits).await
    }

    async fn found(
        &mut self,
        series: &Series,
        at: Option<u64>,
        problems: Vec<Problem>,
        report: &Report,
    ) {
        let point = Point {
            backend: self.bed.backend(),
            fault: series.fault,
            workload: series.workload.name,
            variant: series.variant,
            at,
        };
        report.violation(&point, &problems);
        self.bed.clear().await;
    }

    /// Creates a pool of the workload's kind, and runs the workload once without a fault.
    async fn prepare(&mut self, workload: &Workload) -> Result<(), Problem> {
        self.renew(workload.setup).await?;
        let planned = |problem: String| Problem::NotAsPlanned { detail: problem };
        self.baseline = audit::baseline(&*self.subject).await.map_err(planned)?;
        if workload.endless {
            return Ok(());
        }
        let case = self.case(None);
        let run = guarded(workload.run(&*self.subject, &case).map(Some));
        let ended = timeout(self.limits.call, run).await;
        if let Some(problem) = ended.map_err(|_| Problem::Hung)?.problem() {
            return Err(problem);
        }
        if self.against == Against::Naive {
            // The naive wrapper may break a promise even without a fault.
            let found = self.audit(&case).await;
            return found.into_iter().next().map_or(Ok(()), Err);
        }
        for (number, unit) in (0..).zip(workload.units) {
            let told = case.entries().get(&number).and_then(|entry| entry.verdict);
            let as_planned = match unit.clean {
                None => told.is_some(),
                Some(Verdict::RolledBack) => told.is_some_and(Verdict::is_rolled_back),
                clean => told == clean,
            };
            if !as_planned {
                let detail = format!(
                    "unit {number} was told {told:?} instead of {:?}",
                    unit.clean
                );
                return Err(planned(detail));
            }
        }
        match self.audit(&case).await.into_iter().next() {
            Some(problem) => Err(planned(problem.to_string())),
            None => Ok(()),
        }
    }

    /// Closes the pool, and opens another one.
    async fn renew(&mut self, setup: Setup) -> Result<(), Problem> {
        self.subject.close().await;
        self.bed.pool_closed().await;
        self.subject = self.bed.subject(self.against, setup).await;
        let started = Instant::now();
        while started.elapsed() < GONE {
            if self.bed.scene(0).await.connections == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(1)).await;
        }
        self.bed.clear().await;
        Err(Problem::NotAsPlanned {
            detail: "connections of a closed pool are still open".to_owned(),
        })
    }
}

impl Fault {
    /// How long a case may take to settle after this fault.
    pub(crate) fn limits(self, against: Against) -> Limits {
        let seconds = match (against, self) {
            // The library gives a silent connection up after 30 seconds.
            (Against::Ours, Self::Stall) => 45,
            // Shorter than an endless statement, and long enough for a busy machine. SQLite cannot
            // stop a statement, so its slow ones run to their end.
            (Against::Ours, _) => 30,
            (Against::Naive, _) => 1,
        };
        Limits {
            settle: Duration::from_secs(seconds),
            borrow: Duration::from_secs(match against {
                Against::Ours => 30,
                Against::Naive => 1,
            }),
            call: Duration::from_secs(match against {
                Against::Ours => 45,
                Against::Naive => 3,
            }),
            may_meet_the_dead: matches!(self, Self::Cut | Self::Terminate),
        }
    }
}
