//! What one factory reports, and to whom.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::activity::Activity;
use super::counts::Counts;
use super::endpoint::Endpoint;
use super::figures;
use super::holders::Holders;
use super::observer::{
    Acquired, Caller, ConnectionChange, ConnectionEvent, Observer, PoolKind, StatementReport,
    UnitReport,
};
use super::warning::{Flood, Warning};
use crate::call::Origin;
use crate::config::{Settings, TraceText};
use crate::sync::Mutex;
use crate::time::in_millis;

/// The greatest number of warnings of one kind that the line at a flood's end lists.
const LISTED: usize = 8;

/// One factory's observers and limits. Its pools and sessions share it.
pub(crate) struct Monitor {
    factory: &'static str,
    pub(super) limits: Limits,
    /// `None` once a session was opened.
    added: Mutex<Option<Vec<Arc<dyn Observer>>>>,
    observers: OnceLock<Box<[Arc<dyn Observer>]>>,
    pub(super) trace_text: TraceText,
    /// Known after the first connection.
    endpoint: OnceLock<Endpoint>,
    slow_statements: Arc<Flood>,
    slow_acquires: Arc<Flood>,
    leaks: Arc<Flood>,
    returns: Arc<Flood>,
    budgets: Arc<Flood>,
    panics: Arc<Flood>,
}

/// The limits above which the factory warns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) slow_statement: Option<Duration>,
    slow_acquire: Option<Duration>,
    leak_threshold: Option<Duration>,
    pub(super) statement_budget: Option<u32>,
}

/// A connection that is held for too long.
pub(crate) struct Leak {
    pub(crate) holder: Origin,
    pub(crate) held_for: Duration,
    pub(crate) activity: Option<Arc<Activity>>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor")
            .field("factory", &self.factory)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Monitor {
    /// Makes a monitor with the limits of these settings, or with the default limits for an external pool.
    pub(crate) fn new(factory: &'static str, settings: Option<&Settings>) -> Arc<Self> {
        let limits = match settings {
            Some(settings) => Limits {
                slow_statement: settings.slow_statement,
                slow_acquire: settings.slow_acquire,
                leak_threshold: settings.leak_threshold,
                statement_budget: settings.statement_budget,
            },
            None => Limits {
                slow_statement: Some(Settings::SLOW_STATEMENT),
                slow_acquire: Some(Settings::SLOW_ACQUIRE),
                leak_threshold: None,
                statement_budget: None,
            },
        };
        Arc::new(Self {
            factory,
            limits,
            added: Mutex::new(Some(Vec::new())),
            observers: OnceLock::new(),
            trace_text: settings.map_or_else(TraceText::default, |settings| settings.trace_text),
            endpoint: OnceLock::new(),
            slow_statements: Flood::new("slow statements", LISTED),
            slow_acquires: Flood::new("slow waits for a connection", LISTED),
            // All are listed: the pool's size limits their number, and each line names its function.
            leaks: Flood::new("connections held for too long", usize::MAX),
            returns: Flood::new(
                "connections that were held for too long are back",
                usize::MAX,
            ),
            budgets: Flood::new("units of work with too many statements", LISTED),
            panics: Flood::new("panics of observers", LISTED),
        })
    }

    /// Adds an observer. Returns false once a session was opened, because the observer would miss what came before.
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) -> bool {
        match &mut *self.added.lock() {
            Some(added) => {
                added.push(observer);
                true
            }
            None => false,
        }
    }

    /// Call when a connection was opened.
    pub(crate) fn reached(&self, endpoint: impl FnOnce() -> Endpoint) {
        self.endpoint.get_or_init(endpoint);
    }

    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.get()
    }

    /// Takes over the observers of a factory that this one replaces.
    pub(crate) fn take_over(&self, before: &Self) {
        let added = match &*before.added.lock() {
            Some(added) => added.clone(),
            None => before.observers().to_vec(),
        };
        for observer in added {
            self.add(observer);
        }
    }

    /// Returns the observers. From now on the factory accepts no others.
    pub(super) fn observers(&self) -> &[Arc<dyn Observer>] {
        self.observers.get_or_init(|| {
            let added = self.added.lock().take();
            added.unwrap_or_default().into_boxed_slice()
        })
    }

    /// Calls each observer, and contains its panic.
    fn tell(&self, method: &'static str, tell: impl Fn(&dyn Observer)) {
        for observer in self.observers() {
            if crate::panics::contained(|| tell(&**observer)).is_none() {
                let caller = Caller::new(self.factory, &Origin::internal(method));
                let message = format!(
                    "an observer of {} panicked in {method}(); the session goes on",
                    self.factory
                );
                self.panics.warn(Warning { caller, message });
            }
        }
    }

    pub(super) fn caller(&self, origin: &Origin) -> Caller {
        Caller::new(self.factory, origin)
    }

    /// Returns the shortest wait that is reported.
    pub(crate) fn slow_acquire(&self) -> Option<Duration> {
        self.limits.slow_acquire
    }

    /// Reports that a call has received a connection. `holders` are the calls that held the others when its wait began.
    pub(crate) fn acquired(
        &self,
        origin: &Origin,
        waited: Duration,
        created: bool,
        pool: PoolKind,
        holders: Option<&Holders>,
    ) {
        figures::waited(self.factory, pool, waited, None);
        if !self.observers().is_empty() {
            let acquired = Acquired {
                caller: self.caller(origin),
                waited,
                created,
                pool,
            };
            self.tell("acquired", |observer| observer.acquired(&acquired));
        }
        let Some(limit) = self.limits.slow_acquire.filter(|limit| waited >= *limit) else {
            return;
        };
        let caller = self.caller(origin);
        let holders = holders.map_or_else(String::new, |holders| format!("; {holders}"));
        let message = format!(
            "{caller} waited {} for a connection, longer than slow_acquire ({}){holders}",
            in_millis(waited),
            in_millis(limit)
        );
        self.slow_acquires.warn(Warning { caller, message });
    }

    /// Reports that a call got no connection. `at_once`: a connect error has ended the wait before its limit.
    pub(crate) fn not_acquired(&self, pool: PoolKind, waited: Duration, at_once: bool) {
        let error = if at_once { "connect" } else { "acquire" };
        figures::waited(self.factory, pool, waited, Some(error));
    }

    /// Reports that a session has given a connection back, after holding it for `time`.
    pub(crate) fn used(&self, pool: PoolKind, time: Duration) {
        figures::used(self.factory, pool, time);
    }

    /// Reports that something happened to a connection.
    pub(crate) fn connection(&self, pool: PoolKind, change: ConnectionChange, took: Duration) {
        figures::connection(self.factory, pool, change, took);
        if self.observers().is_empty() {
            return;
        }
        let event = ConnectionEvent {
            factory: self.factory,
            pool,
            change,
            took,
        };
        self.tell("connection", |observer| observer.connection(&event));
    }

    pub(super) fn statement(&self, report: &StatementReport) {
        let system = self
            .endpoint()
            .map_or("other_sql", |endpoint| endpoint.system);
        figures::statement(system, report);
        self.tell("statement", |observer| observer.statement(report));
    }

    pub(super) fn slow_statement(&self, report: &StatementReport, limit: Duration) {
        let caller = report.caller;
        let text = if report.is_script() {
            report.summary()
        } else {
            report.text()
        };
        let rows = match report.rows {
            Some(1) => ", 1 row".to_owned(),
            Some(rows) => format!(", {rows} rows"),
            None => String::new(),
        };
        let message = format!(
            "a statement of {caller} took {}, longer than slow_statement ({}){}{rows}: {text}",
            in_millis(report.elapsed),
            in_millis(limit),
            report.outcome.words(),
        );
        self.slow_statements.warn(Warning { caller, message });
    }

    pub(super) fn ended(&self, report: &UnitReport) {
        figures::unit(report);
        self.tell("ended", |observer| observer.ended(report));
    }

    /// Returns how long a session may hold a connection.
    pub(crate) fn leak_threshold(&self) -> Option<Duration> {
        self.limits.leak_threshold
    }

    /// Warns that a session holds its connection for longer than `leak_threshold`.
    pub(crate) fn leaked(&self, leak: &Leak) {
        figures::leaked(self.factory);
        let caller = self.caller(&leak.holder);
        let doing = match &leak.activity {
            Some(activity) => activity.describe(),
            None => "no statement yet".to_owned(),
        };
        let limit = self.limits.leak_threshold.unwrap_or_default();
        let message = format!(
            "{caller} has held a connection for {}, longer than leak_threshold ({}): {doing}",
            in_millis(leak.held_for),
            in_millis(limit)
        );
        self.leaks.warn(Warning { caller, message });
    }

    /// Reports that a connection that was held for too long has been returned.
    pub(crate) fn returned(&self, leak: &Leak) {
        let caller = self.caller(&leak.holder);
        let message = format!(
            "the connection of {caller} that was held for too long has come back after {}",
            in_millis(leak.held_for)
        );
        self.returns.warn(Warning { caller, message });
    }

    /// Warns that a unit ran more statements than `statement_budget` allows.
    pub(super) fn over_budget(&self, report: &UnitReport, budget: u32, counts: &Counts) {
        let caller = report.caller;
        let statements = report.statements;
        let most = counts.most_often();
        let message = format!(
            "{caller} ran {statements} statements, more than statement_budget ({budget}){most}"
        );
        self.budgets.warn(Warning { caller, message });
    }
}
