//! The application's instrumentation, and the events that it sees.
//!
//! diesel-async reports every text that goes through its connection, including the session's, and it reports a
//! statement when it takes the query apart, before the BEGIN in the statement's prelude. The connection therefore
//! gets a [`Relay`], which passes events on only while an application's statement is at work. The session reports
//! BEGIN, COMMIT and ROLLBACK itself.

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
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::error::StatementError;
use crate::panics;
use crate::sync::Mutex;

/// A change to the transaction or to one of its savepoints.
#[derive(Debug, Clone)]

pub(crate) struct Step {
    pub(crate) change: Change,
    /// 1 is the transaction, 2 its first savepoint.
    pub(crate) depth: NonZeroU32,
    /// Empty if the session sends nothing for it.
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

    /// Of the transaction itself.
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
    /// None while [`Session::instrumentation`](crate::Session) has lent it.
    instrumentation: Option<DynInstrumentation>,
    /// An application's statement is at work.
    aloud: bool,
    /// The body has borrowed the raw connection: every text is the application's.
    raw: bool,
    /// The body has set another instrumentation on the raw connection.
    replaced: bool,
    /// Events that wait for the answer to the prelude. None: the answer has come.
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
        // This mutex has no poison: an instrumentation may have panicked while it was locked.
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

    /// The body borrows the raw connection.
    pub(crate) fn lend(&self) {
        self.state().raw = true;
    }

    /// The raw connection is back. `replaced`: the body has set another instrumentation on it.
    pub(crate) fn take_back(&self, replaced: bool) {
        let mut state = self.state();
        state.raw = false;
        state.replaced |= replaced;
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.state().replaced
    }

    /// Runs `work`, and shows what diesel reports meanwhile.
    pub(crate) fn aloud<R>(&self, work: impl FnOnce() -> R) -> R {
        self.with(true, work)
    }

    fn with<R>(&self, aloud: bool, work: impl FnOnce() -> R) -> R {
        /// A panic ends it as well.
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

    /// Begins to keep what diesel reports, for [`let_go`](Self::let_go).
    #[cfg(feature = "postgres")]
    fn hold(&self) {
        self.state().held = Some(Vec::new());
    }

    /// Shows what was kept.
    fn let_go(&self) {
        let mut state = self.state();
        let held = state.held.take();
        if let Some(instrumentation) = &mut state.instrumentation {
            for held in held.into_iter().flatten() {
                held.show(&mut **instrumentation);
            }
        }
    }

    /// Forgets what was kept: the statement is not sent.
    fn drop_held(&self) {
        self.state().held = None;
    }

    /// Reports one of the session's events. Contains the instrumentation's panic, because the code that ends a
    /// transaction has to go on.
    fn show(&self, event: InstrumentationEvent<'_>) {
        report_panic(|| {
            if let Some(instrumentation) = &mut self.state().instrumentation {
                instrumentation.on_connection_event(event);
            }
        });
    }

    /// `step` is about to be sent.
    pub(crate) fn start(&self, step: &Step) {
        self.show(step.event());
        if !step.text.is_empty() {
            let query = StrQueryHelper::new(&step.text);
            self.show(InstrumentationEvent::start_query(&query));
        }
    }

    /// `step` was answered.
    pub(crate) fn finish(&self, step: &Step, error: Option<&Error>) {
        if !step.text.is_empty() {
            let query = StrQueryHelper::new(&step.text);
            self.show(InstrumentationEvent::finish_query(&query, error));
        }
    }
}

/// Runs the application's instrumentation for an event without a caller that its panic could reach.
pub(crate) fn report_panic(show: impl FnOnce()) {
    if panics::contained(show).is_none() {
        super::report(
            "an instrumentation panicked while it was told of the transaction; the session goes on without",
        );
    }
}

/// The end of a transaction on its way. An instrumentation that the body has set on the raw connection is shown its text by
/// diesel-async, and may panic: a caller that unwinds here would not know what became of the transaction.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) async fn unpanicked<T>(
    text: impl Future<Output = diesel::QueryResult<T>>,
) -> diesel::QueryResult<T> {
    if let Some(answer) = panics::contained_async(text).await {
        return answer;
    }
    super::report(
        "an instrumentation of the raw connection panicked while it was shown the end of the transaction",
    );
    Err(panicked())
}

/// The error in place of an answer that an instrumentation's panic has hidden. It counts as a lost connection: what the
/// server has done is not known by it.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn panicked() -> Error {
    StatementError::connection(
        "an instrumentation of the raw connection panicked, and the server's answer was not seen",
    )
    .into()
}

/// What diesel-async reports to.
#[derive(Debug)]
#[doc(hidden)]
pub struct Relay {
    events: Events,
    /// Alive while the relay is in its place.
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

/// A statement's prelude, for the instrumentation. None without an instrumentation.
#[derive(Debug, Default)]
pub(crate) struct Announced(Option<Box<(Events, Vec<Step>)>>);

impl Announced {
    pub(crate) fn new(events: Events, steps: Vec<Step>) -> Self {
        Self(Some(Box::new((events, steps))))
    }

    /// The prelude is about to be sent. What diesel reports about the statement waits for the answer.
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

    /// The server has answered the whole prelude; the statement is on its way.
    #[cfg(feature = "postgres")]
    pub(crate) fn answered(&self, answer: &diesel::QueryResult<()>) {
        match answer {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(error, true),
        }
    }

    /// The server has answered the whole prelude; the statement is at work.
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

    /// The prelude failed, and with it what follows. `sent`: the statement was sent as well.
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

/// An application's statement on its way: the instrumentation sees what diesel reports about it.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Debug)]
pub(crate) struct Heard<S> {
    events: Option<Events>,
    statement: S,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl<S> Heard<S> {
    /// Makes the statement now, and keeps what diesel reports until the server has answered the prelude.
    #[cfg(feature = "postgres")]
    pub(crate) fn held(events: Option<Events>, make: impl FnOnce() -> S) -> Self {
        if let Some(events) = &events {
            events.hold();
        }
        Self::new(events, make)
    }

    /// A statement whose events no instrumentation sees.
    #[cfg(feature = "postgres")]
    pub(crate) fn unheard(statement: S) -> Self {
        Self {
            events: None,
            statement,
        }
    }

    /// Makes the statement now: what goes ahead of it was answered.
    pub(crate) fn new(events: Option<Events>, make: impl FnOnce() -> S) -> Self {
        let statement = match &events {
            Some(events) => events.aloud(make),
            None => make(),
        };
        Self { events, statement }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl<S: Future + Unpin> Future for Heard<S> {
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

/// What the session asks for the sake of a statement, in the midst of it: nothing of that is shown.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) struct Hushed<S> {
    events: Option<Events>,
    question: S,
}

#[cfg(feature = "postgres")]
impl<S> Hushed<S> {
    pub(crate) fn new(events: Option<Events>, question: S) -> Self {
        Self { events, question }
    }
}

#[cfg(feature = "postgres")]
impl<S: Future + Unpin> Future for Hushed<S> {
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
