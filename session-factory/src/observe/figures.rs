//! Figures for the `metrics` crate. Without the feature, and without a recorder, nothing happens.

#[cfg(feature = "metrics")]
pub(crate) use self::with::*;
#[cfg(not(feature = "metrics"))]
pub(crate) use self::without::*;

/// The pool's figures at one moment.
#[cfg(feature = "metrics")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolFigures {
    pub(crate) idle: u32,
    pub(crate) used: u32,
    pub(crate) recovering: u32,
    pub(crate) waiting: u32,
    pub(crate) kept: u32,
    pub(crate) most: u32,
}

#[cfg(feature = "metrics")]
mod with {
    use std::borrow::Cow;
    use std::time::Duration;

    use metrics::{Label, Unit};
    use metrics::{
        counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    };

    use super::PoolFigures;
    use crate::observe::observer::{
        ConnectionChange, PoolKind, StatementOutcome, StatementReport, UnitReport,
    };
    use crate::panics::contained;

    const OPERATION: &str = "db.client.operation.duration";
    const COUNT: &str = "db.client.connection.count";
    const MAX: &str = "db.client.connection.max";
    const IDLE_MAX: &str = "db.client.connection.idle.max";
    const PENDING: &str = "db.client.connection.pending_requests";
    const TIMEOUTS: &str = "db.client.connection.timeouts";
    const CREATE: &str = "db.client.connection.create_time";
    const WAIT: &str = "db.client.connection.wait_time";
    const USE: &str = "db.client.connection.use_time";
    const RECOVERING: &str = "session_factory.connection.recovering";
    const UNIT: &str = "session_factory.unit.duration";
    const STATEMENTS: &str = "session_factory.unit.statements";
    const RETRIES: &str = "session_factory.retries";
    const CANCELS: &str = "session_factory.cancels";
    const RESETS: &str = "session_factory.resets";
    const CONNECT_FAILURES: &str = "session_factory.connect.failures";
    const LEAKS: &str = "session_factory.leaks";
    const HOOKS: &str = "session_factory.hooks.panicked";

    const SYSTEM: &str = "db.system.name";
    const POOL: &str = "db.client.connection.pool.name";
    const STATE: &str = "db.client.connection.state";
    const ERROR: &str = "error.type";

    /// True if the application has installed a recorder. The `metrics` crate's default recorder has size zero.
    pub(crate) fn is_recorded() -> bool {
        metrics::with_recorder(|recorder| size_of_val(recorder) != 0)
    }

    /// Runs the recorder, and contains its panics.
    fn record(record: impl FnOnce()) {
        if is_recorded() {
            let _panicked = contained(record);
        }
    }

    fn pool_name(factory: &'static str, kind: PoolKind) -> Cow<'static, str> {
        match kind {
            PoolKind::Primary => factory.into(),
            PoolKind::Replica => format!("{factory}.replica").into(),
        }
    }

    fn pool(factory: &'static str, kind: PoolKind) -> Vec<Label> {
        vec![Label::new(POOL, pool_name(factory, kind))]
    }

    /// Registers the units and descriptions of all figures.
    pub(crate) fn describe() {
        describe_histogram!(
            OPERATION,
            Unit::Seconds,
            "Duration of database client operations"
        );
        describe_gauge!(
            COUNT,
            Unit::Count,
            "Connections by state: idle, or used by a session or its recovery"
        );
        describe_gauge!(MAX, Unit::Count, "The most connections that may be open");
        describe_gauge!(
            IDLE_MAX,
            Unit::Count,
            "Connections that the pool keeps while they idle"
        );
        describe_gauge!(PENDING, Unit::Count, "Calls that wait for a connection");
        describe_counter!(
            TIMEOUTS,
            Unit::Count,
            "Waits for a connection that timed out"
        );
        describe_histogram!(CREATE, Unit::Seconds, "Time to open a connection");
        describe_histogram!(
            WAIT,
            Unit::Seconds,
            "Waits for a connection, those in vain included"
        );
        describe_histogram!(
            USE,
            Unit::Seconds,
            "Time from receiving a connection to giving it back"
        );
        describe_gauge!(
            RECOVERING,
            Unit::Count,
            "Connections that the recovery of a dropped call holds"
        );
        describe_histogram!(
            UNIT,
            Unit::Seconds,
            "Units of work by function and outcome, without the wait for a connection"
        );
        describe_histogram!(STATEMENTS, Unit::Count, "Statements of a unit of work");
        describe_counter!(RETRIES, Unit::Count, "Attempts after a conflict");
        describe_counter!(
            CANCELS,
            Unit::Count,
            "Recoveries that ended what a dropped call had left running"
        );
        describe_counter!(
            RESETS,
            Unit::Count,
            "Connections put back to their settings after a session"
        );
        describe_counter!(
            CONNECT_FAILURES,
            Unit::Count,
            "Attempts to connect that failed"
        );
        describe_counter!(
            LEAKS,
            Unit::Count,
            "Connections that were held for longer than leak_threshold"
        );
        describe_counter!(HOOKS, Unit::Count, "Hooks that panicked");
    }

    pub(crate) fn statement(system: &'static str, report: &StatementReport) {
        record(|| {
            let mut labels = vec![Label::new(SYSTEM, system)];
            match &report.outcome {
                StatementOutcome::Ran => {}
                StatementOutcome::Failed(error) => labels.push(Label::new(ERROR, error.clone())),
                StatementOutcome::Dropped => labels.push(Label::new(ERROR, "cancelled")),
            }
            histogram!(OPERATION, labels).record(report.elapsed.as_secs_f64());
        });
    }

    pub(crate) fn unit(report: &UnitReport) {
        record(|| {
            let labels = vec![
                Label::new("function", report.caller.function),
                Label::new("outcome", report.outcome.as_str()),
            ];
            let duration = report.ran + report.committing;
            histogram!(UNIT, labels).record(duration.as_secs_f64());
            #[allow(clippy::cast_precision_loss)] // no unit runs that many statements
            let statements = report.statements as f64;
            histogram!(STATEMENTS, "function" => report.caller.function).record(statements);
        });
    }

    pub(crate) fn waited(
        factory: &'static str,
        kind: PoolKind,
        waited: Duration,
        error: Option<&'static str>,
    ) {
        record(|| {
            let mut labels = pool(factory, kind);
            if error == Some("acquire") {
                counter!(TIMEOUTS, labels.clone()).increment(1);
            }
            labels.extend(error.map(|error| Label::new(ERROR, error)));
            histogram!(WAIT, labels).record(waited.as_secs_f64());
        });
    }

    pub(crate) fn used(factory: &'static str, kind: PoolKind, time: Duration) {
        record(|| histogram!(USE, pool(factory, kind)).record(time.as_secs_f64()));
    }

    pub(crate) fn connection(
        factory: &'static str,
        kind: PoolKind,
        change: ConnectionChange,
        took: Duration,
    ) {
        record(|| match change {
            ConnectionChange::Opened => {
                histogram!(CREATE, pool(factory, kind)).record(took.as_secs_f64());
            }
            ConnectionChange::Failed(kind_of_error) => {
                let mut labels = pool(factory, kind);
                let error = format!("{kind_of_error:?}");
                labels.push(Label::new(ERROR, error));
                counter!(CONNECT_FAILURES, labels).increment(1);
            }
            ConnectionChange::Cancelled => counter!(CANCELS, pool(factory, kind)).increment(1),
            ConnectionChange::Reset => counter!(RESETS, pool(factory, kind)).increment(1),
            ConnectionChange::Recycled | ConnectionChange::Condemned => {}
        });
    }

    pub(crate) fn retried(function: &'static str, reason: Cow<'static, str>) {
        record(|| {
            let labels = vec![
                Label::new("function", function),
                Label::new("reason", reason),
            ];
            counter!(RETRIES, labels).increment(1);
        });
    }

    pub(crate) fn leaked(factory: &'static str) {
        record(|| counter!(LEAKS, pool(factory, PoolKind::Primary)).increment(1));
    }

    pub(crate) fn hook_panicked() {
        record(|| counter!(HOOKS).increment(1));
    }

    pub(crate) fn pool_now(factory: &'static str, kind: PoolKind, figures: &PoolFigures) {
        record(|| {
            let labels = pool(factory, kind);
            for (state, count) in [("idle", figures.idle), ("used", figures.used)] {
                let mut labels = labels.clone();
                labels.push(Label::new(STATE, state));
                gauge!(COUNT, labels).set(count);
            }
            gauge!(RECOVERING, labels.clone()).set(figures.recovering);
            gauge!(PENDING, labels.clone()).set(figures.waiting);
            gauge!(IDLE_MAX, labels.clone()).set(figures.kept);
            gauge!(MAX, labels).set(figures.most);
        });
    }
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::needless_pass_by_value)] // same signatures as with the feature
mod without {
    use std::borrow::Cow;
    use std::time::Duration;

    use crate::observe::observer::{ConnectionChange, PoolKind, StatementReport, UnitReport};

    pub(crate) fn is_recorded() -> bool {
        false
    }
    pub(crate) fn statement(_: &'static str, _: &StatementReport) {}
    pub(crate) fn unit(_: &UnitReport) {}
    pub(crate) fn waited(_: &'static str, _: PoolKind, _: Duration, _: Option<&'static str>) {}
    pub(crate) fn used(_: &'static str, _: PoolKind, _: Duration) {}
    pub(crate) fn connection(_: &'static str, _: PoolKind, _: ConnectionChange, _: Duration) {}
    pub(crate) fn retried(_: &'static str, _: Cow<'static, str>) {}
    pub(crate) fn leaked(_: &'static str) {}
    pub(crate) fn hook_panicked() {}
}
