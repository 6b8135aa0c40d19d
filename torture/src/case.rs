//! One case: an id of its own on every row it writes, and a journal of what it was told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel_async::AsyncConnection;
use session_factory::CommittedPart;

use crate::backend::Backend;

/// Every case id has as many digits as any other: the bytes on the wire stay the same.
static NEXT: AtomicI64 = AtomicI64::new(1_000_000_000);

/// A run of one workload under one fault.
#[derive(Clone, Debug)]
pub(crate) struct Case(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: i64,
    backend: Backend,
    journal: Mutex<BTreeMap<i32, Entry>>,
    /// Steps that the bodies have taken.
    steps: AtomicU64,
    /// Calls of the application's code that the library has made.
    callbacks: AtomicU64,
    panics: Option<PanicAt>,
    has_panicked: AtomicBool,
    is_over: AtomicBool,
}

/// Where to panic, apart from the polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PanicAt {
    Step(u64),
    Callback(u64),
}

/// The application's instrumentation. Its events and its destructor are callbacks.
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

/// What is known of one unit of work: a transaction that is there whole, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How many rows it is made of, numbered from 0.
    pub(crate) rows: i32,
    /// What its caller was told. None: nothing, it was dropped or panicked.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) hooks: Hooks,
    /// The body's SQL ends the transaction itself, so that the unit may be there by half.
    pub(crate) end: Option<RawEnd>,
}

/// How the SQL of a body ends the transaction of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawEnd {
    pub(crate) commits: bool,
    /// How many of the unit's rows, the first ones, stand before that end.
    pub(crate) before: i32,
    /// How many of them stand there or behind it in the same text. An error of that text, which the body returns, does
    /// not say what became of them.
    pub(crate) by_hand: i32,
}

/// Which hooks were asked for, and which ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
pub(crate) struct Hooks {
    pub(crate) wants_commit: bool,
    pub(crate) wants_rollback: bool,
    pub(crate) saw_commit: bool,
    pub(crate) saw_rollback: bool,
}

/// What the caller of a unit was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// `Ok`.
    Committed,
    /// An error of the library's that says so, or that nothing was begun.
    RolledBack,
    /// The error that the body returned. It says the same, but nothing about what the body committed by itself.
    Failed,
    /// An error that says that the outcome is not known.
    Unknown,
    /// An error that says what became of both parts of a transaction that the body's SQL had ended.
    Partly(CommittedPart),
}

impl Verdict {
    /// The caller takes it that nothing was kept.
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

    /// A place in the application's code that the library calls, where it may panic.
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

    /// What is called from now on does not panic: the auditor borrows connections next.
    pub(crate) fn is_over(&self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }

    /// A callback has.
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

    /// What was noted so far.
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

/// One unit of work of a case: what a body is given.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) case: Case,
    pub(crate) number: i32,
}

impl Unit {
    /// A place in a body where it may panic.
    pub(crate) fn step(&self) {
        let step = self.case.0.steps.fetch_add(1, Ordering::SeqCst);
        assert!(
            self.case.0.panics != Some(PanicAt::Step(step)),
            "torture: panic at step {step}"
        );
    }

    /// Sets the application's instrumentation, where callbacks are to panic.
    pub(crate) fn watch(&self, connection: &mut impl AsyncConnection) {
        if let Some(PanicAt::Callback(_)) = self.case.0.panics {
            connection.set_instrumentation(Instrument(self.case.clone()));
        }
    }

    /// A hook is a callback, too.
    pub(crate) fn callback(&self) {
        self.case.callback();
    }

    /// The caller was told how it ended.
    pub(crate) fn ended(&self, verdict: Verdict) {
        self.note(|entry| entry.verdict = Some(verdict));
    }

    /// Another unit in the same session, with a number of its own.
    pub(crate) fn next(&self, rows: i32) -> Self {
        self.case.begin(self.number + 100, rows, None)
    }

    /// The same for a unit whose outcome is not told apart from this one's.
    pub(crate) fn hooks(&self, change: impl FnOnce(&mut Hooks)) {
        self.note(|entry| change(&mut entry.hooks));
    }

    fn note(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.case.journal().get_mut(&self.number) {
            change(entry);
        }
    }
}
