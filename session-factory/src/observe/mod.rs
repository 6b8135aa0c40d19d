//! What operators and the application see: observers, warnings, the echo, the instrumentation, and
//! reports of events that should not happen.

mod activity;
mod counts;
mod echo;
mod endpoint;
mod error_type;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod establish;
mod events;
pub(crate) mod figures;
mod held;
mod holders;
mod instrumented;
mod monitor;
mod observer;
mod sanitize;
mod spans;
mod statement_text;
mod unit;
mod warning;

pub use observer::{
    Acquired, Caller, ConnectionChange, ConnectionEvent, Observer, Outcome, PoolKind,
    StatementOutcome, StatementReport, UnitReport,
};

pub(crate) use activity::Activity;
pub(crate) use echo::{Echo, Line};
pub(crate) use endpoint::Endpoint;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use establish::{Establishing, unresolved};
pub(crate) use events::Announced;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use events::ObservedStatement;
pub(crate) use events::Relay;
pub(crate) use events::report_panic;
pub(crate) use events::{Change, Events, Step};
#[cfg(feature = "postgres")]
pub(crate) use events::{UnobservedQuery, panicked, seen, unpanicked};
#[cfg(feature = "metrics")]
pub(crate) use figures::PoolFigures;
pub(crate) use holders::Holders;
pub(crate) use instrumented::Instrumented;
pub(crate) use monitor::{Leak, Monitor};
pub(crate) use sanitize::Quoting;
pub(crate) use statement_text::StatementText;
pub(crate) use unit::{BodyMonitor, Ended, ServerErrors, SessionMonitor, StatementMonitor};

/// Reports an event that no caller's result can carry: to `tracing` if it has a subscriber,
/// otherwise to the standard error stream. The report is one line, even if it contains text from a
/// server or a user.
pub(crate) fn report(message: &str) {
    let message = crate::one_line::one_line(message);
    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        // The subscriber is the application's and may panic. The caller's next steps must still
        // run.
        let event = || tracing::error!(target: "session_factory", "{message}");
        let _panicked = crate::panics::contained(event);
        return;
    }
    // `eprintln!` panics if the stream is closed, so that panic is contained.
    #[allow(clippy::print_stderr)] // there is nowhere else to report it
    let _closed = crate::panics::contained(|| eprintln!("session_factory: {message}"));
}

#[cfg(all(test, feature = "tracing"))]
#[allow(clippy::panic)] // a test
mod tests {
    use tracing::span;

    struct Panicking;

    impl tracing::Subscriber for Panicking {
        fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _attributes: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
        fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
        fn event(&self, _event: &tracing::Event<'_>) {
            panic!("on purpose");
        }
        fn enter(&self, _span: &span::Id) {}
        fn exit(&self, _span: &span::Id) {}
    }

    #[test]
    fn a_subscriber_that_panics_keeps_nothing_from_being_done() {
        tracing::subscriber::with_default(Panicking, || super::report("a report"));
    }
}
