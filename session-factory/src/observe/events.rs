//! The application's instrumentation, and the events that reach it.
//!
//! diesel-async reports every text that goes through its connection, including the session's own.
//! It also reports a statement before the statement's prelude (BEGIN) is sent. The connection
//! therefore has a [`Relay`], which forwards events only while an application's statement runs. The
//! session itself reports BEGIN, COMMIT and ROLLBACK.

use std::fmt;
use std::num::NonZeroU32;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::task::{Context, Poll};

use diesel::connection::{
    DynInstrumentation, Instrumentation, InstrumentationEvent, StrQueryHelper,
};
use diesel::result::Error;

use super::held::Held;
#[cfg(feature = "postgres")]
use crate::error::StatementError;
use crate::panics;
use crate::sync::Mutex;

/// A change to the transaction or to one of its savepoints.
#[derive(Debug, Clone)]

pub(crate) struct Step {
    pub(crate) change: Change,
    /// 1 is the transaction, 2 its first savepoint.
    pub(crate) depth: NonZeroU32,
    /// Empty if the session sends nothing for this step.
    pub(crate) text: String,
}

/// What a [`Step`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]

pub(crate) enum Change {
    Begin,
    Commit,
    RollBack,
}

impl Step {
    pub(crate) fn new(change: Change, depth: NonZeroU32, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            change,
            depth,
            text,
        }
    }

    /// Makes a step of the transaction, not of a savepoint.
    pub(crate) fn outermost(change: Change, text: impl Into<String>) -> Self {
        Self::new(change, NonZeroU32::MIN, text)
    }

    pub(crate) fn event(&self) -> InstrumentationEvent<'static> {
        match self.change {
            Change::Begin => InstrumentationEvent::begin_transaction(self.depth),
            Change::Commit => InstrumentationEvent::commit_transaction(self.depth),
            Change::RollBack => InstrumentationEvent::rollback_transaction(self.depth),
        }
    }
}

/// The application's instrumentation, shared with the [`Relay`] that diesel-async reports to.
#[derive(Clone)]

pub(crate) struct Events(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// `None` while [`Session::instrumentation`](crate::Session) has lent it to the body.
    instrumentation: Option<DynInstrumentation>,
    /// True while a statement of the application runs: events are forwarded.
    aloud: bool,
    /// True while the body borrows the raw connection: all SQL on it is then the application's.
    raw: bool,
    /// True once the body has set its own instrumentation on the raw connection.
    replaced: bool,
    /// Events that wait for the answer to the prelude; `None` once the answer has arrived.
    held: Option<Vec<Held>>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

impl Events {
    pub(super) fn new(instrumentation: DynInstrumentation) -> Self {
        Self(Arc::new(Mutex::new(State {
            instrumentation: Some(instrumentation),
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The instrumentation may have panicked while the mutex was locked. This mutex ignores
        // that.
        self.0.lock()
    }

    pub(super) fn take(&self) -> Option<DynInstrumentation> {
        self.state().instrumentation.take()
    }

    pub(super) fn put(
        &self,
        instrumentation: Option<DynInstrumentation>,
    ) -> Option<DynInstrumentation> {
        std::mem::replace(&mut self.state().instrumentation, instrumentation)
    }

    /// Call when the body borrows the raw connection.
    pub(crate) fn lend(&self) {
        self.state().raw = true;
    }

    /// Call when the body has returned the raw connection. `replaced` is true if the body has set
    /// its own instrumentation on that connection.
    pub(crate) fn take_back(&self, replaced: bool) {
        let mut state = self.state();
        state.raw = false;
        state.replaced |= replaced;
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.state().replaced
    }

    /// Runs `work`, and forwards the events that diesel reports meanwhile.
    pub(crate) fn aloud<R>(&self, work: impl FnOnce() -> R) -> R {
        self.with(true, work)
    }

    fn with<R>(&self, aloud: bool, work: impl FnOnce() -> R) -> R {
        /// Restores the flag, also when `work` panics.
        struct Until<'a>(&'a Events, bool);
        impl Drop for Until<'_> {
            fn drop(&mut self) {
                self.0.state().aloud = self.1;
            }
        }
        let before = std::mem::replace(&mut self.state().aloud, aloud);
        let _until_then = Until(self, before);
        work()
    }

    /// Holds the events that diesel reports, until [`let_go`](Self::let_go).
    #[cfg(feature = "postgres")]
    fn hold(&self) {
        self.state().held = Some(Vec::new());
    }

    /// Forwards the held events.
    fn let_go(&self) {
        let mut state = self.state();
        let held = state.held.take();
        if let Some(instrumentation) = &mut state.instrumentation {
            for held in held.into_iter().flatten() {
                held.show(&mut **instrumentation);
            }
        }
    }

    /// Discards the held events, because the statement is not sent.
    fn drop_held(&self) {
        self.state().held = None;
    }

    /// Reports one of the session's events. Contains the instrumentation's panic, because the
    /// transaction must still be ended.
    fn show(&self, event: InstrumentationEvent<'_>) {
        report_panic(|| {
            if let Some(instrumentation) = &mut self.state().instrumentation {
                instrumentation.on_connection_event(event);
            }
        });
    }

    /// Call before `step` is sent.
    pub(crate) fn start(&self, step: &Step) {
        self.show(step.event());
        if !step.text.is_empty() {
            let query = StrQueryHelper::new(&step.text);
            self.show(InstrumentationEvent::start_query(&query));
        }
    }

    /// Call when the server has answered `step`.
    pub(crate) fn finish(&self, step: &Step, error: Option<&Error>) {
        if !step.text.is_empty() {
            let query = StrQueryHelper::new(&step.text);
            self.show(InstrumentationEvent::finish_query(&query, error));
        }
    }
}

/// Runs the application's instrumentation for an event. Reports its panic, because no caller could
/// receive the panic.
pub(crate) fn report_panic(show: impl FnOnce()) {
    if panics::contained(show).is_none() {
        super::report(
            "an instrumentation panicked while it was told of the transaction; the session goes on without",
        );
    }
}

/// Ends the transaction by running `text`, and contains a panic. diesel-async shows the SQL to an
/// instrumentation that the body has set on the raw connection. If that instrumentation's panic reached the
/// caller, the caller would not know the transaction's outcome.
#[cfg(feature = "postgres")]
pub(crate) async fn unpanicked<T>(
    text: impl Future<Output = diesel::QueryResult<T>>,
) -> diesel::QueryResult<T> {
    seen(text).await.unwrap_or_else(|| Err(panicked()))
}

/// Like [`unpanicked`]; returns `None` after a panic.
#[cfg(feature = "postgres")]
pub(crate) async fn seen<T>(
    text: impl Future<Output = diesel::QueryResult<T>>,
) -> Option<diesel::QueryResult<T>> {
    let answer = panics::contained_async(text).await;
    if answer.is_none() {
        super::report(
            "an instrumentation of the raw connection panicked while it was shown the end of the transaction",
        );
    }
    answer
}

/// Returns the error that replaces an answer lost in an instrumentation's panic. It counts as a lost
/// connection, because it is unknown what the server did.
#[cfg(feature = "postgres")]
pub(crate) fn panicked() -> Error {
    StatementError::connection(
        "an instrumentation of the raw connection panicked, and the server's answer was not seen",
    )
    .into()
}

/// The instrumentation that diesel-async's connection has: it forwards events to the application's.
#[derive(Debug)]
#[doc(hidden)]
pub struct Relay {
    events: Events,
    /// Dropped with the relay: shows [`Instrumented`](super::Instrumented) whether the connection
    /// still has this relay.
    _alive: Arc<()>,
}

impl Relay {
    pub(super) fn new(events: &Events, alive: Arc<()>) -> Self {
        Self {
            events: events.clone(),
            _alive: alive,
        }
    }
}

impl Instrumentation for Relay {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let mut state = self.events.state();
        let state = &mut *state;
        if !state.aloud && !state.raw {
            return;
        }
        if let Some(waiting) = &mut state.held
            && let Some(held) = Held::of(&event)
        {
            waiting.push(held);
        } else if let Some(instrumentation) = &mut state.instrumentation {
            instrumentation.on_connection_event(event);
        }
    }
}

/// Reports a statement's prelude to the instrumentation; `None` without an instrumentation.
#[derive(Debug, Default)]
pub(crate) struct Announced(Option<Box<(Events, Vec<Step>)>>);

impl Announced {
    pub(crate) fn new(events: Events, steps: Vec<Step>) -> Self {
        Self(Some(Box::new((events, steps))))
    }

    /// Call before the prelude is sent. The statement's own events are held until the answer.
    #[inline]
    pub(crate) fn start(&self) {
        let Some((events, steps)) = self.0.as_deref() else {
            return;
        };
        match steps.first() {
            Some(step) => events.start(step),
            None => events.let_go(),
        }
    }

    /// Call when the server has answered the prelude; the statement has been sent.
    #[cfg(feature = "postgres")]
    pub(crate) fn answered(&self, answer: &diesel::QueryResult<()>) {
        match answer {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(error, true),
        }
    }

    /// Call when the prelude has succeeded.
    #[inline]
    pub(crate) fn succeeded(&self) {
        let Some((events, steps)) = self.0.as_deref() else {
            return;
        };
        let mut steps = steps.iter();
        if let Some(first) = steps.next() {
            events.finish(first, None);
        }
        for step in steps {
            events.start(step);
            events.finish(step, None);
        }
        events.let_go();
    }

    /// Call when the prelude has failed. `sent` is true if the statement was sent as well.
    pub(crate) fn failed(&self, error: &Error, sent: bool) {
        let Some((events, steps)) = self.0.as_deref() else {
            return;
        };
        if let Some(first) = steps.first() {
            events.finish(first, Some(error));
        }
        if sent {
            events.let_go();
        } else {
            events.drop_held();
        }
    }
}

/// A running statement of the application. The instrumentation receives the events that diesel
/// reports about the statement.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug)]
pub(crate) struct ObservedStatement<S> {
    events: Option<Events>,
    statement: S,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl<S> ObservedStatement<S> {
    /// Makes the statement now, and holds diesel's events until the server has answered the
    /// prelude.
    #[cfg(feature = "postgres")]
    pub(crate) fn held(events: Option<Events>, make: impl FnOnce() -> S) -> Self {
        if let Some(events) = &events {
            events.hold();
        }
        Self::new(events, make)
    }

    /// Wraps a statement whose events no instrumentation sees.
    #[cfg(feature = "postgres")]
    pub(crate) fn unobserved(statement: S) -> Self {
        Self {
            events: None,
            statement,
        }
    }

    /// Makes the statement now, without holding events: the server has answered everything that was sent before it.
    pub(crate) fn new(events: Option<Events>, make: impl FnOnce() -> S) -> Self {
        let statement = match &events {
            Some(events) => events.aloud(make),
            None => make(),
        };
        Self { events, statement }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl<S: Future + Unpin> Future for ObservedStatement<S> {
    type Output = S::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = &mut *self;
        let statement = Pin::new(&mut this.statement);
        match &this.events {
            Some(events) => events.aloud(|| statement.poll(cx)),
            None => statement.poll(cx),
        }
    }
}

/// A query that the session sends while a statement runs. The
/// instrumentation receives no events of the query.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) struct UnobservedQuery<S> {
    events: Option<Events>,
    question: S,
}

#[cfg(feature = "postgres")]
impl<S> UnobservedQuery<S> {
    pub(crate) fn new(events: Option<Events>, question: S) -> Self {
        Self { events, question }
    }
}

#[cfg(feature = "postgres")]
impl<S: Future + Unpin> Future for UnobservedQuery<S> {
    type Output = S::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Output> {
        let this = &mut *self;
        let question = Pin::new(&mut this.question);
        match &this.events {
            Some(events) => events.with(false, || question.poll(cx)),
            None => question.poll(cx),
        }
    }
}
