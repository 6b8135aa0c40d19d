//! Database URLs with mistakes in them: whatever is said about one shows no piece of its password.

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

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct UrlReport {
    /// How many URLs were tried, each on every backend.
    pub urls: u64,
    /// Of those the ones of which something that was said shows a piece of the password.
    pub leaks: u64,
    /// The ones at which something panicked.
    pub panics: u64,
    /// The ones that no backend accepts.
    pub refused: u64,
    /// What the URLs were made from.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// The first few of the broken promises.
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
    /// The piece of the password that was shown; none for a panic.
    pub piece: Option<String>,
    /// What was said.
    pub said: String,
}

/// More are more of the same.
const FINDINGS: usize = 20;

/// Tries that many URLs, on every processor.
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
    /// Whether every promise was kept, of at least one URL.
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
