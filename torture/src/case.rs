//! One case: its id, which is in every row that it writes, and the journal of its callers' results.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel_async::AsyncConnection;
use session_factory::CommittedPart;

use crate::backend::Backend;

/// All case ids have the same number of digits, so that every case sends the same number of bytes.
static NEXT: AtomicI64 = AtomicI64::new(1_000_000_000);

/// One run of one workload under one fault.
#[derive(Clone, Debug)]
pub(crate) struct Case(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: i64,
    backend: Backend,
    journal: Mutex<BTreeMap<i32, Entry>>,
    /// The number of steps that the bodies have taken.
    steps: AtomicU64,
    /// The number of calls that the library has made to the application's code.
    callbacks: AtomicU64,
    panics: Option<PanicAt>,
    has_panicked: AtomicBool,
    is_over: AtomicBool,
}

/// A planned panic other than at a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PanicAt {
    Step(u64),
    Callback(u64),
}

/// The application's instrumentation. Its events and its destructor count as callbacks.
#[derive(Debug)]
struct Instrument(Case);

impl Instrumentation for Instrument {
    fn on_connection_event(&mut self, _event: InstrumentationEvent<'_>) {
        self.0.callback();
    }
}

impl Drop for Instrument {
    fn drop(&mut self) {
        // A second panic would end the process.
        if !std::thread::panicking() {
            self.0.callback();
        }
    }
}

/// One unit of work: a transaction whose rows must all be there, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of its rows, numbered from 0.
    pub(crate) rows: i32,
    /// The caller's result. `None` if the caller was dropped or panicked.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) hooks: Hooks,
    /// Set if the body's SQL ends the transaction, so that only a part of the unit may be there.
    pub(crate) end: Option<RawEnd>,
}

/// How a body's SQL ends its session's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawEnd {
    pub(crate) commits: bool,
    /// How many of the unit's rows, counted from the first, precede that end.
    pub(crate) before: i32,
    /// How many of them precede it or follow it in the same text. If that text fails and the body
    /// returns the error, the error does not say whether they are there.
    pub(crate) by_hand: i32,
}

/// The hooks that the body registered, and those that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(crate) struct Hooks {
    pub(crate) wants_commit: bool,
    pub(crate) wants_rollback: bool,
    pub(crate) saw_commit: bool,
    pub(crate) saw_rollback: bool,
}

/// What a unit's caller learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// `Ok`.
    Committed,
    /// An error of the library that says "rolled back", or that nothing was begun.
    RolledBack,
    /// The error that the body returned. It means "rolled back", but says nothing about commits by
    /// the body's own SQL.
    Failed,
    /// An error that says "outcome unknown".
    Unknown,
    /// An error that reports both parts of a transaction that the body's SQL has ended.
    Partly(CommittedPart),
}

impl Verdict {
    /// True if the caller concludes that nothing was kept.
    pub(crate) fn is_rolled_back(self) -> bool {
        matches!(self, Self::RolledBack | Self::Failed)
    }
}

impl Case {
    pub(crate) fn new(backend: Backend, panics: Option<PanicAt>) -> Self {
        Self(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            backend,
            journal: Mutex::default(),
            steps: AtomicU64::new(0),
            callbacks: AtomicU64::new(0),
            panics,
            has_panicked: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }))
    }

    pub(crate) fn id(&self) -> i64 {
        self.0.id
    }

    pub(crate) fn backend(&self) -> Backend {
        self.0.backend
    }

    /// Call when the library calls the application's code, which may panic.
    pub(crate) fn callback(&self) {
        if self.0.is_over.load(Ordering::SeqCst) {
            return;
        }
        let callback = self.0.callbacks.fetch_add(1, Ordering::SeqCst);
        if self.0.panics == Some(PanicAt::Callback(callback)) {
            self.0.has_panicked.store(true, Ordering::SeqCst);
            panic!("torture: panic at callback {callback}");
        }
    }

    /// Stops callbacks from panicking, because the auditor borrows connections next.
    pub(crate) fn is_over(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }

    /// True if a callback has panicked.
    pub(crate) fn has_panicked(&self) -> bool {
        self.0.has_panicked.load(Ordering::SeqCst)
    }

    /// A unit of `rows` rows begins.
    pub(crate) fn begin(&self, number: i32, rows: i32, end: Option<RawEnd>) -> Unit {
        let entry = Entry {
            rows,
            end,
            ..Entry::default()
        };
        self.journal().insert(number, entry);
        Unit {
            case: self.clone(),
            number,
        }
    }

    /// The journal so far.
    pub(crate) fn entries(&self) -> BTreeMap<i32, Entry> {
        self.journal().clone()
    }

    fn journal(&self) -> MutexGuard<'_, BTreeMap<i32, Entry>> {
        self.0
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a case's units of work, which its body receives.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) case: Case,
    pub(crate) number: i32,
}

impl Unit {
    /// A place in a body that may panic.
    pub(crate) fn step(&self) {
        let step = self.case.0.steps.fetch_add(1, Ordering::SeqCst);
        assert!(
            self.case.0.panics != Some(PanicAt::Step(step)),
            "torture: panic at step {step}"
        );
    }

    /// Sets the application's instrumentation, if callbacks are to panic.
    pub(crate) fn watch(&self, connection: &mut impl AsyncConnection) {
        if let Some(PanicAt::Callback(_)) = self.case.0.panics {
            connection.set_instrumentation(Instrument(self.case.clone()));
        }
    }

    /// Called by hooks, which count as callbacks too.
    pub(crate) fn callback(&self) {
        self.case.callback();
    }

    /// Records the caller's result.
    pub(crate) fn ended(&self, verdict: Verdict) {
        self.note(|entry| entry.verdict = Some(verdict));
    }

    /// Begins another unit in the same session, with its own number.
    pub(crate) fn next(&self, rows: i32) -> Self {
        self.case.begin(self.number + 100, rows, None)
    }

    /// Changes the unit's hooks in the journal.
    pub(crate) fn hooks(&self, change: impl FnOnce(&mut Hooks)) {
        self.note(|entry| change(&mut entry.hooks));
    }

    fn note(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.case.journal().get_mut(&self.number) {
            change(entry);
        }
    }
}
