//! The output: a progress bar, a line for each violation, and a line for each backend and fault.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::backend::Backend;
use crate::faults::Fault;
use crate::plan::Series;
use crate::problem::Problem;
use crate::workloads;

/// One point of one fault, as `postgres/cut/one_statement/from-server@123`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) backend: Backend,
    pub(crate) fault: Fault,
    pub(crate) workload: &'static str,
    pub(crate) variant: &'static str,
    /// `None` for a run without a fault.
    pub(crate) at: Option<u64>,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (backend, fault) = (self.backend.name(), self.fault.name());
        write!(f, "{backend}/{fault}/{}/{}", self.workload, self.variant)?;
        match self.at {
            Some(at) => write!(f, "@{at}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: not BACKEND/FAULT/WORKLOAD/VARIANT@POINT");
        let parts: Vec<_> = text.split('/').collect();
        let [backend, fault, workload, variant] = parts[..] else {
            return Err(wrong());
        };
        let (variant, at) = match variant.split_once('@') {
            Some((variant, at)) => (variant, Some(at.parse().map_err(|_| wrong())?)),
            None => (variant, None),
        };
        let backend = Backend::from_str(backend, false)?;
        let fault = Fault::from_str(fault, false)?;
        let workload = workloads::all(backend)
            .find(|known| known.name == workload)
            .ok_or_else(|| format!("{workload}: no such workload"))?;
        let variant = fault
            .variants()
            .iter()
            .find(|known| known.name == variant)
            .ok_or_else(|| format!("{variant}: not a variant of {}", fault.name()))?;
        Ok(Self {
            backend,
            fault,
            workload: workload.name,
            variant: variant.name,
            at,
        })
    }
}

/// The outcome for one backend and fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) backend: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) cases: u64,
    pub(crate) violations: u64,
    pub(crate) workloads: usize,
    pub(crate) seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traps: Option<BTreeSet<&'static str>>,
    /// Violations in which a query silently got another query's rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wrong_rows: Option<u64>,
    /// Each violation in words, repeated at the end of the run.
    #[serde(skip)]
    pub(crate) violations_in_words: Vec<String>,
}

/// Collects the lanes' results for one backend and fault.
#[derive(Debug)]
pub(crate) struct Report {
    backend: Backend,
    fault: Fault,
    seed: u64,
    against: Option<&'static str>,
    started: Instant,
    bar: ProgressBar,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cases: u64,
    violations: u64,
    workloads: BTreeSet<&'static str>,
    traps: BTreeSet<&'static str>,
    wrong_rows: u64,
    in_words: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        backend: Backend,
        fault: Fault,
        series: usize,
        seed: u64,
        against: Option<&'static str>,
    ) -> Self {
        // Drawn on the standard error stream, if that is a terminal.
        let bar = ProgressBar::new(series as u64);
        let style = "{prefix:20} {bar:30} {pos}/{len} series  {msg}  {elapsed}";
        bar.set_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(format!("{} {}", backend.name(), fault.name()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            backend,
            fault,
            seed,
            against,
            started: Instant::now(),
            bar,
            state: Mutex::default(),
        }
    }

    /// Counts a case.
    pub(crate) fn case(&self, series: &Series) {
        let mut state = self.state();
        state.cases += 1;
        state.workloads.insert(series.workload.name);
        let message = format!("{} cases, {} violations", state.cases, state.violations);
        drop(state);
        self.bar.set_message(message);
    }

    /// Counts a finished series.
    pub(crate) fn series_done(&self) {
        self.bar.inc(1);
    }

    /// Records a case that broke a promise.
    pub(crate) fn violation(&self, point: &Point, problems: &[Problem]) {
        let mut state = self.state();
        state.violations += 1;
        state.wrong_rows += u64::from(problems.iter().any(Problem::is_wrong_rows));
        state
            .traps
            .extend(problems.iter().filter_map(Problem::trap));
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let text = format!(
            "violation: {point}: {}\n    again: cargo xtask torture --repeat {point} --seed {}{}",
            problems.join("; "),
            self.seed,
            if self.against.is_some() {
                " --against naive"
            } else {
                ""
            }
        );
        state.in_words.push(text.clone());
        drop(state);
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Ends the report.
    pub(crate) fn finish(self) -> Line {
        self.bar.finish_and_clear();
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let tenths = self.started.elapsed().as_millis() / 100;
        Line {
            backend: self.backend.name(),
            fault: self.fault.name(),
            cases: state.cases,
            violations: state.violations,
            workloads: state.workloads.len(),
            seconds: f64::from(u32::try_from(tenths).unwrap_or(u32::MAX)) / 10.0,
            against: self.against,
            traps: self.against.map(|_| state.traps),
            wrong_rows: self.against.map(|_| state.wrong_rows),
            violations_in_words: state.in_words,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9} {:10} {:6} cases of {:2} workloads, {} violations, {:.1} s",
            self.backend, self.fault, self.cases, self.workloads, self.violations, self.seconds
        )?;
        match &self.traps {
            Some(traps) if !traps.is_empty() => {
                let traps: Vec<_> = traps.iter().copied().collect();
                write!(f, ", traps {}", traps.join(", "))?;
            }
            _ => {}
        }
        match self.wrong_rows {
            Some(cases @ 1..) => write!(f, ", {cases} with wrong rows"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> Point {
        Point {
            backend: Backend::Postgres,
            fault: Fault::Cut,
            workload: "one_statement",
            variant: "from-server",
            at: Some(123),
        }
    }

    #[test]
    fn a_point_is_printed_as_it_is_read() {
        let text = "postgres/cut/one_statement/from-server@123";
        assert_eq!(point().to_string(), text);
        assert_eq!(text.parse(), Ok(point()));
        for wrong in [
            "postgres/cut/one_statement",
            "postgres/cut/no_such/from-server@1",
            "postgres/cut/one_statement/sideways@1",
            "postgres/cut/one_statement/from-server@x",
            "oracle/cut/one_statement/from-server@1",
        ] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn violations_are_counted_by_case_and_traps_are_named() {
        let report = Report::new(Backend::Postgres, Fault::Cut, 1, 7, Some("naive"));
        let problems = [
            Problem::OkWithoutRows { unit: 0 },
            Problem::NextBorrowerWaits,
            Problem::WrongAnswer {
                detail: "1 instead of 70".to_owned(),
            },
        ];
        report.violation(&point(), &problems);
        let line = report.finish();
        assert_eq!((line.cases, line.violations), (0, 1));
        assert!(
            line.violations_in_words[0].starts_with(&format!("violation: {}", point())),
            "{:?}",
            line.violations_in_words
        );
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json["traps"], serde_json::json!(["1", "3", "4"]));
        assert_eq!(json["wrong_rows"], 1);
        assert_eq!(
            (&json["backend"], &json["fault"]),
            (&"postgres".into(), &"cut".into())
        );
    }

    #[test]
    fn a_line_without_an_opponent_names_no_traps() {
        let line = Report::new(Backend::Sqlite, Fault::Cancel, 1, 7, None).finish();
        let json = serde_json::to_string(&line).unwrap();
        assert!(
            json.starts_with(r#"{"backend":"sqlite","fault":"cancel","cases":0,"violations":0"#)
        );
        assert!(
            !json.contains("traps") && !json.contains("wrong_rows"),
            "{json}"
        );
    }
}
