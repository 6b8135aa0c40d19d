//! Tries one input after another, on every processor, until the time is up.

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::Serialize;

use crate::check::{Outcome, Problem, check};
use crate::corpus::Corpus;
use crate::input::Input;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long to run.
    pub time: Duration,
    /// Selects the inputs.
    pub seed: u64,
}

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The number of inputs.
    pub inputs: u64,
    /// Inputs that a macro accepted.
    pub expanded: u64,
    /// Inputs that a macro rejected with an error.
    pub refused: u64,
    /// Inputs on which a macro panicked.
    pub panics: u64,
    /// Inputs with an error that points at no place in them.
    pub unplaced: u64,
    /// Inputs whose expansion is not valid Rust.
    pub not_rust: u64,
    /// The seed of the inputs.
    pub seed: u64,
    /// The duration of the run.
    pub seconds: f64,
    /// The first few broken promises.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The input's number.
    pub index: u64,
    /// The input as source text.
    pub input: String,
    /// The broken promise.
    pub problem: Problem,
}

/// More findings would be of the same kinds.
const FINDINGS: usize = 20;
/// Expressions are parsed recursively, and inputs may be deeply nested.
const STACK: usize = 64 << 20;

/// Runs until the time is up.
#[must_use]
pub fn run(settings: &Settings) -> Report {
    let started = Instant::now();
    let before = panic::take_hook();
    // Panics are counted, and reported with their input.
    panic::set_hook(Box::new(|_| {}));
    let next = Arc::new(AtomicU64::new(0));
    let report = Arc::new(Mutex::new(Report::default()));
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let lanes: Vec<_> = (0..threads)
        .filter_map(|_| {
            let (next, report, settings) = (Arc::clone(&next), Arc::clone(&report), *settings);
            let lane = move || lane(&settings, &next, &report);
            thread::Builder::new().stack_size(STACK).spawn(lane).ok()
        })
        .collect();
    for lane in lanes {
        let _panicked_outside_of_a_macro = lane.join();
    }
    panic::set_hook(before);
    let mut report = std::mem::take(&mut *report.lock().unwrap_or_else(PoisonError::into_inner));
    report.seed = settings.seed;
    report.seconds = started.elapsed().as_secs_f64();
    report.findings.sort_by_key(|finding| finding.index);
    report
}

/// Tries one input again. Returns it, and the broken promise. A panic prints its message as usual.
#[must_use]
pub fn repeat(seed: u64, index: u64) -> (String, Option<Problem>) {
    let (input, located) = located(seed, index, &Corpus::load());
    (input.to_string(), check(&input, located).err())
}

fn lane(settings: &Settings, next: &AtomicU64, report: &Mutex<Report>) {
    let corpus = Corpus::load();
    let mut own = Report::default();
    // Reading the corpus does not count: on a busy machine it takes longer than a short run.
    let started = Instant::now();
    while started.elapsed() < settings.time {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let (input, located) = located(settings.seed, index, &corpus);
        own.note(index, &input, check(&input, located));
        drop(input);
        // Frees the texts that spans pointed into; none of their tokens is left.
        proc_macro2::extra::invalidate_current_thread_spans();
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.add(own);
}

fn located(seed: u64, index: u64, corpus: &Corpus) -> (Input, bool) {
    let mut rng = Rng::with_seed(!seed ^ index);
    Input::nth(seed, index, corpus).located(&mut rng)
}

impl Report {
    fn note(&mut self, index: u64, input: &Input, outcome: Result<Outcome, Problem>) {
        self.inputs += 1;
        let problem = match outcome {
            Ok(Outcome::Expanded) => return self.expanded += 1,
            Ok(Outcome::Refused) => return self.refused += 1,
            Err(problem) => problem,
        };
        match problem {
            Problem::Panicked(_) => self.panics += 1,
            Problem::Unplaced(_) => self.unplaced += 1,
            Problem::NotRust(_) => self.not_rust += 1,
        }
        if self.findings.len() < FINDINGS {
            self.findings.push(Finding {
                index,
                input: input.to_string(),
                problem,
            });
        }
    }

    fn add(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.expanded += other.expanded;
        self.refused += other.refused;
        self.panics += other.panics;
        self.unplaced += other.unplaced;
        self.not_rust += other.not_rust;
        self.findings.extend(other.findings);
    }

    /// True if at least one input ran, and every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.inputs > 0 && self.panics + self.unplaced + self.not_rust == 0
    }
}
