//! Tries database URLs with mistakes. No output about them may show a piece of the password.

mod check;
mod mutate;
mod secret;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use fastrand::Rng;
use serde::Serialize;

use self::check::Said;
pub use self::secret::Secret;

/// The results of a run.
#[derive(Debug, Default, Serialize)]
pub struct UrlReport {
    /// The number of URLs, each tried on every backend.
    pub urls: u64,
    /// URLs whose output shows a piece of the password.
    pub leaks: u64,
    /// URLs that caused a panic.
    pub panics: u64,
    /// URLs that no backend accepts.
    pub refused: u64,
    /// The seed of the URLs.
    pub seed: u64,
    /// The duration of the run.
    pub seconds: f64,
    /// The first few broken promises.
    #[serde(skip)]
    pub findings: Vec<Leak>,
}

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Leak {
    /// The URL's number.
    pub index: u64,
    /// The URL.
    pub url: String,
    /// The piece of the password in the output; `None` for a panic.
    pub piece: Option<String>,
    /// The output.
    pub said: String,
}

/// More findings would be of the same kinds.
const FINDINGS: usize = 20;

/// Tries `count` URLs, on every processor.
#[must_use]
pub fn run_urls(count: u64, seed: u64) -> UrlReport {
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let report = Mutex::new(UrlReport::default());
    let threads = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = UrlReport::default();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    own.note(index, seed);
                }
                report
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(own);
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.seed = seed;
    report.seconds = started.elapsed().as_secs_f64();
    report.findings.sort_by_key(|finding| finding.index);
    report
}

/// Tries one URL again.
#[must_use]
pub fn repeat_url(seed: u64, index: u64) -> UrlReport {
    let mut report = UrlReport::default();
    report.note(index, seed);
    report
}

impl UrlReport {
    /// True if at least one URL was tried, and every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.urls > 0 && self.leaks + self.panics == 0
    }

    fn note(&mut self, index: u64, seed: u64) {
        let mut rng = Rng::with_seed(seed.rotate_left(32) ^ index);
        let secret = Secret::new(&mut rng);
        let url = mutate::url(&mut rng, secret.text());
        self.urls += 1;
        let Ok(said) = catch_unwind(AssertUnwindSafe(|| check::said(&mut rng, &url))) else {
            self.panics += 1;
            return self.found(index, url, None, String::new());
        };
        let Said { text, accepted } = said;
        self.refused += u64::from(!accepted);
        if let Some(piece) = secret.shown_in(&text) {
            self.leaks += 1;
            self.found(index, url, Some(piece), text);
        }
    }

    fn found(&mut self, index: u64, url: String, piece: Option<String>, said: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(Leak {
                index,
                url,
                piece,
                said,
            });
        }
    }

    fn add(&mut self, other: Self) {
        self.urls += other.urls;
        self.leaks += other.leaks;
        self.panics += other.panics;
        self.refused += other.refused;
        self.findings.extend(other.findings);
    }
}
