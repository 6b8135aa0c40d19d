//! Spans for the `tracing` crate. Without the feature a span is an empty type.

#[cfg(feature = "tracing")]
pub(crate) use self::with::Span;
#[cfg(feature = "tracing")]
pub(super) use self::with::has_subscriber;
#[cfg(not(feature = "tracing"))]
pub(crate) use self::without::Span;
#[cfg(not(feature = "tracing"))]
pub(super) use self::without::has_subscriber;

#[cfg(feature = "tracing")]
mod with {
    use std::sync::Arc;

    use tracing::field::Empty;
    use tracing::level_filters::LevelFilter;
    use tracing::{Instrument, debug_span, info_span};

    use crate::config::TraceText;
    use crate::observe::endpoint::Endpoint;
    use crate::observe::observer::{Caller, StatementOutcome, StatementReport, UnitReport};
    use crate::observe::statement_text::StatementText;
    use crate::panics::contained;

    /// A span of the application's subscriber. It contains the subscriber's panics.
    #[derive(Debug, Clone)]
    pub(crate) struct Span(tracing::Span);

    /// True if the application has a subscriber that is enabled for any level.
    pub(in crate::observe) fn has_subscriber() -> bool {
        LevelFilter::current() != LevelFilter::OFF
    }

    fn new(make: impl FnOnce() -> tracing::Span) -> Span {
        Span(contained(make).unwrap_or_else(tracing::Span::none))
    }

    impl Default for Span {
        fn default() -> Self {
            Self(tracing::Span::none())
        }
    }

    impl Span {
        /// Makes the span of a unit of work.
        pub(in crate::observe) fn unit(caller: &Caller) -> Self {
            new(|| {
                info_span!(
                    target: "session_factory",
                    "unit",
                    otel.name = format_args!("{}.{}", caller.factory, caller.function),
                    otel.kind = "internal",
                    otel.status_code = Empty,
                    code.function.name = caller.function,
                    code.file.path = caller.file,
                    code.line.number = caller.line,
                    db.system.name = Empty,
                    db.namespace = Empty,
                    server.address = Empty,
                    server.port = Empty,
                    error.type = Empty,
                    session_factory.outcome = Empty,
                    session_factory.attempts = Empty,
                    session_factory.statements = Empty,
                    session_factory.wait_ms = Empty,
                )
            })
        }

        /// Makes the span of the wait for a connection.
        pub(in crate::observe) fn acquire(&self) -> Self {
            let parent = &self.0;
            new(|| {
                debug_span!(
                    target: "session_factory",
                    parent: parent,
                    "acquire",
                    otel.kind = "internal",
                    otel.status_code = Empty,
                    error.type = Empty,
                )
            })
        }

        /// Makes a statement's span. `inside`: the caller's current span is in the unit's span and becomes the parent.
        pub(in crate::observe) fn statement(
            &self,
            inside: bool,
            text: &Arc<StatementText>,
            shown: TraceText,
        ) -> Self {
            let parent = if inside {
                contained(tracing::Span::current).filter(|span| !span.is_none())
            } else {
                None
            };
            let parent = parent.as_ref().unwrap_or(&self.0);
            new(|| {
                let span = debug_span!(
                    target: "session_factory::statement",
                    parent: parent,
                    "statement",
                    otel.name = Empty,
                    otel.kind = "client",
                    otel.status_code = Empty,
                    db.system.name = Empty,
                    db.namespace = Empty,
                    server.address = Empty,
                    server.port = Empty,
                    db.operation.name = Empty,
                    db.query.summary = Empty,
                    db.query.text = Empty,
                    db.response.status_code = Empty,
                    db.response.returned_rows = Empty,
                    error.type = Empty,
                );
                if !span.is_disabled() {
                    let summary = text.summary();
                    span.record("otel.name", summary);
                    span.record("db.query.summary", summary);
                    span.record("db.operation.name", text.operation());
                    match (shown, text.is_script()) {
                        (TraceText::Off, _) => {}
                        (TraceText::Parameterized, true) => {
                            span.record("db.query.text", summary);
                        }
                        (TraceText::Parameterized, false) | (TraceText::All, _) => {
                            span.record("db.query.text", text.sanitized());
                        }
                    }
                }
                span
            })
        }

        /// Makes the span of COMMIT.
        pub(in crate::observe) fn commit(&self) -> Self {
            let parent = &self.0;
            new(|| {
                debug_span!(
                    target: "session_factory", parent: parent, "commit",
                    otel.kind = "client", otel.status_code = Empty, error.type = Empty
                )
            })
        }

        /// Makes the span of ROLLBACK.
        pub(in crate::observe) fn rollback(&self) -> Self {
            let parent = &self.0;
            new(|| {
                debug_span!(
                    target: "session_factory", parent: parent, "rollback",
                    otel.kind = "client", otel.status_code = Empty, error.type = Empty
                )
            })
        }

        /// Makes the span of the recovery after a dropped call.
        pub(in crate::observe) fn recovery(&self) -> Self {
            if self.0.is_disabled() {
                return Self::default();
            }
            new(|| {
                let span = debug_span!(
                    target: "session_factory", parent: None, "recovery",
                    otel.kind = "client"
                );
                span.follows_from(&self.0);
                span
            })
        }

        /// Makes the span of a dropped call's hooks.
        pub(in crate::observe) fn hooks(&self) -> Self {
            if self.0.is_disabled() {
                return Self::default();
            }
            new(|| {
                let span = debug_span!(
                    target: "session_factory", parent: None, "hooks",
                    otel.kind = "internal"
                );
                span.follows_from(&self.0);
                span
            })
        }

        pub(crate) fn is_on(&self) -> bool {
            !self.0.is_disabled()
        }

        /// Runs `work` inside the span.
        pub(in crate::observe) fn run(&self, work: &mut dyn FnMut()) {
            self.0.in_scope(work);
        }

        /// Runs `future` inside the span.
        pub(crate) fn around<T: Future>(self, future: T) -> impl Future<Output = T::Output> {
            future.instrument(self.0)
        }

        fn record(&self, record: impl FnOnce(&tracing::Span)) {
            if self.is_on() {
                let _panicked = contained(|| record(&self.0));
            }
        }

        /// Drops this handle; the span ends with its last handle.
        pub(in crate::observe) fn end(self) {
            drop(self);
        }

        /// Records the server, once it is known.
        pub(in crate::observe) fn reached(&self, endpoint: &Endpoint) {
            self.record(|span| {
                span.record("db.system.name", endpoint.system);
                if let Some(namespace) = &endpoint.namespace {
                    span.record("db.namespace", namespace);
                }
                if let Some((host, port)) = &endpoint.address {
                    span.record("server.address", host);
                    span.record("server.port", port);
                }
            });
        }

        /// Records that the span's work ended in an error.
        pub(in crate::observe) fn failed(&self, error_type: &str) {
            self.record(|span| {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", error_type);
            });
        }

        /// Records how the statement ended.
        pub(in crate::observe) fn ran(&self, report: &StatementReport) {
            match &report.outcome {
                StatementOutcome::Ran => {}
                StatementOutcome::Failed(code) => {
                    self.failed(code);
                    if code.starts_with(|c: char| c.is_ascii_digit()) {
                        self.record(|span| {
                            span.record("db.response.status_code", &**code);
                        });
                    }
                }
                StatementOutcome::Dropped => self.failed("cancelled"),
            }
            if let Some(rows) = report.rows {
                self.record(|span| {
                    span.record("db.response.returned_rows", rows);
                });
            }
        }

        /// Records how the unit ended.
        pub(in crate::observe) fn ended(&self, report: &UnitReport) {
            if let Some(error_type) = &report.error_type {
                self.failed(error_type);
            }
            self.record(|span| {
                let waited = u64::try_from(report.waited.as_millis()).unwrap_or(u64::MAX);
                span.record("session_factory.outcome", report.outcome.as_str());
                span.record("session_factory.attempts", report.attempts);
                span.record("session_factory.statements", report.statements);
                span.record("session_factory.wait_ms", waited);
            });
        }
    }
}

#[cfg(not(feature = "tracing"))]
#[allow(clippy::unused_self)] // same signatures as with the feature
mod without {
    use std::sync::Arc;

    use crate::config::TraceText;
    use crate::observe::endpoint::Endpoint;
    use crate::observe::observer::{Caller, StatementReport, UnitReport};
    use crate::observe::statement_text::StatementText;

    /// A span without content.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Span(());

    pub(in crate::observe) fn has_subscriber() -> bool {
        false
    }

    impl Span {
        pub(in crate::observe) fn unit(_: &Caller) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn acquire(&self) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn statement(
            &self,
            _: bool,
            _: &Arc<StatementText>,
            _: TraceText,
        ) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn commit(&self) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn rollback(&self) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn recovery(&self) -> Self {
            Self::default()
        }
        pub(in crate::observe) fn hooks(&self) -> Self {
            Self::default()
        }
        pub(crate) fn is_on(&self) -> bool {
            false
        }
        pub(in crate::observe) fn run(&self, work: &mut dyn FnMut()) {
            work();
        }
        pub(crate) fn around<T: Future>(self, future: T) -> T {
            future
        }
        pub(in crate::observe) fn end(self) {}
        pub(in crate::observe) fn reached(&self, _: &Endpoint) {}
        pub(in crate::observe) fn failed(&self, _: &str) {}
        pub(in crate::observe) fn ran(&self, _: &StatementReport) {}
        pub(in crate::observe) fn ended(&self, _: &UnitReport) {}
    }
}
