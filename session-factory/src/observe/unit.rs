//! The reports of one session: its statements, and its unit of work.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::activity::Activity;
use super::counts::Counts;
use super::monitor::Monitor;
use super::observer::{Caller, Outcome, StatementOutcome, StatementReport, UnitReport};
use super::spans::{Span, has_subscriber};
use super::statement_text::StatementText;
use super::{error_type, figures};
use crate::call::Origin;
use crate::error::{SessionError, StatementError, TransactionOutcome};

/// Receives a session's events. With `retry`, the next attempt's session takes it over.
///
/// Dropping it ends the unit of work and reports it.
#[derive(Debug)]
pub(crate) struct SessionMonitor {
    monitor: Arc<Monitor>,
    caller: Caller,
    slow: Option<Duration>,
    /// `None` unless units of work are observed. Boxed, because each caller's future contains it.
    unit: Option<Box<Unit>>,
}

/// A unit of work so far.
#[derive(Debug, Default)]
struct Unit {
    opened: Option<Instant>,
    waited: Duration,
    attempts: u32,
    statements: u64,
    committing: Duration,
    hooks: usize,
    outcome: Option<Outcome>,
    /// True once the call has ended. Later events of its session do not change the outcome.
    is_over: bool,
    error_type: Option<Cow<'static, str>>,
    activity: Option<Arc<Activity>>,
    /// `None` without a `statement_budget`.
    counts: Option<Counts>,
    body: Arc<BodyMonitor>,
    rollback: Span,
}

/// The body of a unit of work, as its observers see it.
#[derive(Debug, Default)]
pub(crate) struct BodyMonitor {
    /// True once the body has panicked: when the session is dropped, the thread may not be panicking any more.
    panicked: AtomicBool,
    /// True while the body is polled: the caller's current span is then inside the unit's span.
    is_inside: AtomicBool,
    span: Span,
}

impl BodyMonitor {
    /// Polls the body, and records a panic.
    pub(crate) fn run(&self, poll: &mut dyn FnMut()) {
        struct Unwinding<'monitor>(&'monitor BodyMonitor);
        impl Drop for Unwinding<'_> {
            fn drop(&mut self) {
                self.0.is_inside.store(false, Ordering::Relaxed);
                if std::thread::panicking() {
                    self.0.panicked.store(true, Ordering::Relaxed);
                }
            }
        }
        self.is_inside.store(true, Ordering::Relaxed);
        let _unwinding = Unwinding(self);
        self.span.run(poll);
    }
}

/// Gives access to the server's last error with its code, which diesel does not report.
#[doc(hidden)]
pub trait ServerErrors: Send + Sync {
    /// Returns the last error on the connection.
    fn last_error(&self) -> Option<StatementError>;
}

/// A statement in flight.
pub(crate) struct StatementMonitor {
    text: Arc<StatementText>,
    server: Option<Arc<dyn ServerErrors>>,
    started: Option<Instant>,
    span: Span,
}

impl std::fmt::Debug for StatementMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StatementMonitor").field(&self.text).finish()
    }
}

/// How a statement ended, as its session saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended<'error> {
    Ran(Option<u64>),
    Failed(&'error diesel::result::Error),
    /// The driver did not send the statement, because the transaction had ended.
    Refused,
    Dropped,
}

/// A COMMIT in flight.
#[derive(Debug)]
#[must_use]
pub(crate) struct CommitMonitor(Option<Instant>, Span);

impl Monitor {
    /// Returns the monitor for a session of this call; `None` if sessions are not observed.
    pub(crate) fn session(self: &Arc<Self>, origin: &Origin) -> Option<SessionMonitor> {
        let watches_leaks = self.leak_threshold().is_some();
        let budget = self.limits.statement_budget;
        let watches_units = !self.observers().is_empty()
            || watches_leaks
            || budget.is_some()
            || has_subscriber()
            || figures::is_recorded();
        let slow = self.limits.slow_statement;
        if !watches_units && slow.is_none() {
            return None;
        }
        let caller = self.caller(origin);
        let unit = watches_units.then(|| {
            let body = BodyMonitor {
                span: Span::unit(&caller),
                ..BodyMonitor::default()
            };
            Box::new(Unit {
                body: Arc::new(body),
                activity: watches_leaks.then(Arc::default),
                counts: budget.map(|_| Counts::default()),
                ..Unit::default()
            })
        });
        Some(SessionMonitor {
            monitor: Arc::clone(self),
            caller,
            slow,
            unit,
        })
    }
}

impl SessionMonitor {
    /// Call when the session has received its connection, at `since`.
    pub(crate) fn acquired(&mut self, since: Instant, waited: Duration) {
        if let Some(unit) = &mut self.unit {
            unit.opened.get_or_insert(since);
            unit.waited += waited;
            unit.attempts += 1;
        }
    }

    /// True if units of work are observed.
    pub(crate) fn watches_units(&self) -> bool {
        self.unit.is_some()
    }

    /// Call when the factory has refused the call a session.
    pub(crate) fn refused(&mut self, error: &SessionError) {
        self.not_acquired(error, &Span::default());
    }

    /// Call when the call gets no connection.
    pub(crate) fn not_acquired(&mut self, error: &SessionError, waiting: &Span) {
        if let Some(unit) = &mut self.unit {
            waiting.failed(&error_type::of_session(error));
            unit.outcome = Some(if unit.attempts == 0 {
                Outcome::Nothing
            } else {
                Outcome::RolledBack
            });
            unit.error_type = Some(error_type::of_session(error));
        }
    }

    /// Returns the span of a wait for a connection.
    pub(crate) fn acquiring(&self) -> Span {
        let unit = self.unit.as_ref();
        unit.map(|unit| unit.body.span.acquire())
            .unwrap_or_default()
    }

    /// Returns the span of the recovery after a dropped call.
    pub(crate) fn recovering(&self) -> Span {
        let unit = self.unit.as_ref();
        unit.map(|unit| unit.body.span.recovery())
            .unwrap_or_default()
    }

    /// Returns the span of a dropped call's hooks.
    pub(crate) fn hooked(&self) -> Span {
        let unit = self.unit.as_ref();
        unit.map(|unit| unit.body.span.hooks()).unwrap_or_default()
    }

    /// Returns the monitor for the body; `None` if units of work are not observed.
    pub(crate) fn body(&self) -> Option<Arc<BodyMonitor>> {
        self.unit.as_ref().map(|unit| Arc::clone(&unit.body))
    }

    /// Returns the session's last statement, for the pool's registry.
    pub(crate) fn activity(&self) -> Option<Arc<Activity>> {
        self.unit.as_ref()?.activity.clone()
    }

    /// Returns the monitor of a statement that is about to be sent.
    pub(crate) fn statement(
        &self,
        text: impl FnOnce() -> Arc<StatementText>,
        server: impl FnOnce() -> Option<Arc<dyn ServerErrors>>,
    ) -> StatementMonitor {
        StatementMonitor {
            text: text(),
            server: self.unit.as_ref().and_then(|_| server()),
            started: None,
            span: Span::default(),
        }
    }

    /// Call when the statement is sent.
    pub(crate) fn sent(&mut self, statement: &mut StatementMonitor) {
        let now = Instant::now();
        statement.started = Some(now);
        if let Some(unit) = &mut self.unit {
            unit.statements += 1;
            let (body, shown) = (&unit.body, self.monitor.trace_text);
            let inside = body.is_inside.load(Ordering::Relaxed);
            statement.span = body.span.statement(inside, &statement.text, shown);
            if let Some(endpoint) = self.monitor.endpoint() {
                statement.span.reached(endpoint);
            }
            if let Some(counts) = &mut unit.counts {
                counts.add(&statement.text);
            }
            if let Some(activity) = &unit.activity {
                activity.started(&statement.text, now);
            }
        }
    }

    /// Call when the statement has ended.
    pub(crate) fn ended(&mut self, statement: StatementMonitor, ended: Ended<'_>) {
        let Some(started) = statement.started else {
            return;
        };
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(started);
        let error_type = match ended {
            Ended::Failed(error) => Some(statement.code_of(error)),
            Ended::Refused => Some("aborted".into()),
            Ended::Ran(_) | Ended::Dropped => None,
        };
        if let Some(unit) = &mut self.unit {
            if error_type.is_some() {
                unit.error_type.clone_from(&error_type);
            }
            if let Some(activity) = &unit.activity {
                activity.ended(now);
            }
        }
        let slow = self.slow.filter(|limit| elapsed >= *limit);
        let is_observed =
            self.unit.is_some() && (!self.monitor.observers().is_empty() || figures::is_recorded());
        let span = statement.span;
        if slow.is_none() && !is_observed && !span.is_on() {
            return;
        }
        let report = StatementReport {
            caller: self.caller,
            elapsed,
            rows: match ended {
                Ended::Ran(rows) => rows,
                _ => None,
            },
            outcome: match (ended, error_type) {
                (_, Some(error_type)) => StatementOutcome::Failed(error_type),
                (Ended::Dropped, None) => StatementOutcome::Dropped,
                _ => StatementOutcome::Ran,
            },
            text: statement.text,
        };
        span.ran(&report);
        span.end();
        if is_observed {
            self.monitor.statement(&report);
        }
        if let Some(limit) = slow {
            self.monitor.slow_statement(&report, limit);
        }
    }

    /// Call when another attempt follows, after a conflict.
    pub(crate) fn retried(&self) {
        if let Some(unit) = &self.unit {
            let reason = unit.error_type.clone();
            let reason = reason.unwrap_or(Cow::Borrowed(error_type::OTHER));
            figures::retried(self.caller.function, reason);
        }
    }

    /// Call before COMMIT is sent.
    pub(crate) fn committing(&self) -> CommitMonitor {
        let span = self.unit.as_ref().map(|unit| unit.body.span.commit());
        CommitMonitor(
            span.as_ref().map(|_| Instant::now()),
            span.unwrap_or_default(),
        )
    }

    /// Call when COMMIT was answered, or will get no answer.
    pub(crate) fn committed(&mut self, commit: &CommitMonitor, error_type: Option<&'static str>) {
        if let Some(error_type) = error_type {
            commit.1.failed(error_type);
        }
        if let (Some(unit), Some(started)) = (&mut self.unit, commit.0) {
            unit.committing += started.elapsed();
        }
        self.transaction_ended();
    }

    /// Call before ROLLBACK is sent.
    pub(crate) fn rolling_back(&mut self) {
        if let Some(unit) = &mut self.unit {
            unit.rollback = unit.body.span.rollback();
        }
    }

    /// Call when ROLLBACK was answered, or will get no answer.
    pub(crate) fn rollback_ended(&mut self, has_failed: bool) {
        if let Some(unit) = &mut self.unit {
            if has_failed {
                unit.rollback.failed("rollback");
            }
            unit.rollback = Span::default();
        }
        self.transaction_ended();
    }

    /// Records that the transaction is over.
    fn transaction_ended(&self) {
        if let Some(Unit {
            activity: Some(activity),
            ..
        }) = self.unit.as_deref()
        {
            activity.transaction_ended();
        }
    }

    /// Call with the call's result.
    pub(crate) fn over(&mut self, result: &Result<(), SessionError>) {
        self.result(result);
        if let Some(unit) = &mut self.unit {
            unit.is_over = true;
        }
    }

    /// Call with the result of the session's `commit()`.
    pub(crate) fn result(&mut self, result: &Result<(), SessionError>) {
        match (result, &mut self.unit) {
            (Ok(()), Some(unit)) => {
                unit.outcome = Some(Outcome::Committed);
                unit.error_type = None;
            }
            (Err(error), Some(_)) => self.failed(error),
            (_, None) => {}
        }
    }

    /// Call when the call, or a call on its session, has ended in this error.
    pub(crate) fn failed(&mut self, error: &SessionError) {
        let Some(unit) = &mut self.unit else { return };
        unit.outcome = Some(match error {
            SessionError::Aborted(_) => Outcome::Aborted,
            SessionError::CommitUnknown(_) => Outcome::Unknown,
            SessionError::PartlyCommitted(_) => Outcome::PartlyCommitted,
            _ => Outcome::RolledBack,
        });
        unit.error_type = Some(error_type::of_session(error));
    }

    /// Call when the body has failed and its work is rolled back. `kept`: the body's SQL has committed a part of it.
    pub(crate) fn rolled_back(&mut self, is_late: bool, kept: bool) {
        let Some(unit) = &mut self.unit else { return };
        unit.is_over = true;
        unit.outcome = Some(if kept {
            Outcome::PartlyCommitted
        } else {
            Outcome::RolledBack
        });
        if is_late {
            unit.error_type = Some("timeout".into());
        }
        unit.error_type
            .get_or_insert(Cow::Borrowed(error_type::OTHER));
    }

    /// Call when the caller of a session has rolled its transaction back.
    pub(crate) fn rolled_back_by_hand(&mut self) {
        let Some(unit) = &mut self.unit else { return };
        unit.outcome = Some(Outcome::RolledBack);
        unit.error_type = None;
    }

    /// Call when the session was dropped before its caller ended it. Its transaction may still be open.
    pub(crate) fn dropped(&mut self, in_transaction: bool) {
        let Some(unit) = &mut self.unit else { return };
        if unit.is_over || unit.outcome.is_some() && !in_transaction {
            return;
        }
        unit.outcome = in_transaction.then_some(Outcome::RolledBack);
        unit.error_type = Some(unit.how_dropped());
    }

    /// Call with the outcome of a COMMIT whose caller was dropped.
    pub(crate) fn left(&mut self, outcome: TransactionOutcome) {
        let Some(unit) = self.unit.as_mut().filter(|unit| !unit.is_over) else {
            return;
        };
        unit.outcome = Some(match outcome {
            TransactionOutcome::Committed => Outcome::Committed,
            TransactionOutcome::RolledBack => Outcome::RolledBack,
            TransactionOutcome::Unknown => Outcome::Unknown,
        });
    }

    /// Records the number of registered hooks.
    pub(crate) fn hooks(&mut self, hooks: usize) {
        if let Some(unit) = &mut self.unit {
            unit.hooks = hooks;
        }
    }
}

impl Unit {
    /// Returns the reason why a call ended without a result.
    fn how_dropped(&self) -> Cow<'static, str> {
        if std::thread::panicking() || self.body.panicked.load(Ordering::Relaxed) {
            "panic".into()
        } else {
            "cancelled".into()
        }
    }
}

impl Drop for SessionMonitor {
    fn drop(&mut self) {
        let Some(unit) = self.unit.take() else { return };
        let now = || Instant::now();
        let ran = unit.opened.map_or(Duration::ZERO, |opened| {
            now().saturating_duration_since(opened)
        });
        let mut outcome = unit.outcome.unwrap_or(Outcome::Nothing);
        if unit.statements == 0 && matches!(outcome, Outcome::Committed | Outcome::RolledBack) {
            outcome = Outcome::Nothing;
        }
        let error_type = match unit.outcome {
            // The call was dropped while it waited for its connection.
            None if unit.error_type.is_none() => Some(unit.how_dropped()),
            _ => unit.error_type,
        };
        let report = UnitReport {
            caller: self.caller,
            outcome,
            error_type,
            attempts: unit.attempts,
            statements: unit.statements,
            waited: unit.waited,
            ran: ran.saturating_sub(unit.committing),
            committing: unit.committing,
            hooks: unit.hooks,
        };
        let span = &unit.body.span;
        if let Some(endpoint) = self.monitor.endpoint() {
            span.reached(endpoint);
        }
        span.ended(&report);
        self.monitor.ended(&report);
        if let (Some(budget), Some(counts)) = (self.monitor.limits.statement_budget, &unit.counts)
            && report.statements > u64::from(budget)
        {
            self.monitor.over_budget(&report, budget, counts);
        }
    }
}

impl StatementMonitor {
    /// Returns the error as one word.
    fn code_of(&self, error: &diesel::result::Error) -> Cow<'static, str> {
        let error = StatementError::from(error);
        let said = self
            .server
            .as_ref()
            .and_then(|server| server.last_error())
            .filter(|said| error.message.starts_with(&said.message));
        error_type::of_statement(said.as_ref().unwrap_or(&error))
    }
}
