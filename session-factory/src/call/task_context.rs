//! A task's context: a scope's factory, and the sessions around the current code.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

#[cfg(feature = "testing")]
use futures_util::future::BoxFuture;
use pin_project_lite::pin_project;

use super::future::RunsInScope;
#[cfg(feature = "testing")]
use super::test_context::{self, TestContext};
use super::{LogPosition, Origin};

tokio::task_local! {
    static CONTEXT: Arc<Frame>;
}

/// One entry, and the frame around it.
struct Frame {
    entry: Entry,
    outer: Option<Arc<Frame>>,
}

enum Entry {
    /// `factory.scope(…)`: the factory, of any type.
    Scope(Box<dyn Any + Send + Sync>),
    /// The future belongs to a test, on whichever runtime it runs.
    #[cfg(feature = "testing")]
    Test(Arc<TestContext>),
    /// The named function uses a session of this factory.
    Session(usize, Origin),
    /// Reads through this factory must see the commit at this position.
    Follows(usize, LogPosition),
    /// The task continues if its caller is dropped: this factory's `shutdown` waits for it.
    Detached(usize),
}

fn current() -> Option<Arc<Frame>> {
    CONTEXT.try_with(Arc::clone).ok()
}

fn frames() -> impl Iterator<Item = Arc<Frame>> {
    std::iter::successors(current(), |frame| frame.outer.clone())
}

/// Runs `future` with `factory` instead of the global factory.
pub(crate) fn with_factory<F, T, R>(factory: F, future: T) -> FutureInScope<T, R>
where
    F: Any + Send + Sync,
    T: RunsInScope<Output = R>,
{
    FutureInScope::new(Surroundings::new(Entry::Scope(Box::new(factory))), future)
}

/// Returns the context for code that uses a session of the factory with this identity.
pub(crate) fn in_session(identity: usize, holder: Origin) -> Surroundings {
    Surroundings::new(Entry::Session(identity, holder))
}

/// Runs `future` so that its reads through the factory with this identity see the commit at `position`.
pub(crate) fn following<T, R>(
    identity: usize,
    position: LogPosition,
    future: T,
) -> FutureInScope<T, R>
where
    T: RunsInScope<Output = R>,
{
    FutureInScope::new(
        Surroundings::new(Entry::Follows(identity, position)),
        future,
    )
}

/// Wraps the future of a detached call's task, so that it runs in the caller's context.
pub(crate) fn detached<T: Future>(identity: usize, future: T) -> Within<T> {
    let frame = Frame {
        entry: Entry::Detached(identity),
        outer: current(),
    };
    Within {
        surroundings: Surroundings {
            entry: None,
            frame: Some(Arc::new(frame)),
        },
        inner: future,
    }
}

/// One more entry, and the context around it.
///
/// It replaces `LocalKey::scope` for two reasons. The context is taken at the first poll instead of
/// at the call. And the code is not generic over the body, so it is compiled once.
pub(crate) struct Surroundings {
    entry: Option<Entry>,
    frame: Option<Arc<Frame>>,
}

impl Surroundings {
    fn new(entry: Entry) -> Self {
        Self {
            entry: Some(entry),
            frame: None,
        }
    }

    /// Runs `poll` with this entry.
    pub(crate) fn run(&mut self, poll: &mut dyn FnMut()) {
        if let Some(entry) = self.entry.take() {
            self.frame = Some(Arc::new(Frame {
                entry,
                outer: current(),
            }));
        }
        match &self.frame {
            Some(frame) => CONTEXT.sync_scope(Arc::clone(frame), poll),
            None => poll(),
        }
    }
}

pin_project! {
    /// A future that runs with one more entry. A struct rather than an `async fn`, which would
    /// store its arguments twice.
    #[doc(hidden)]
    pub struct Within<T> {
        surroundings: Surroundings,
        #[pin]
        inner: T,
    }
}

#[cfg(feature = "testing")]
impl<T> Within<T> {
    fn new(entry: Entry, inner: T) -> Self {
        Self {
            surroundings: Surroundings::new(entry),
            inner,
        }
    }
}

impl<T: Future> Future for Within<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let mut this = self.project();
        let mut output = Poll::Pending;
        this.surroundings.run(&mut || {
            output = this.inner.as_mut().poll(cx);
        });
        output
    }
}

pin_project! {
    /// A future that runs in a scope. The struct has no bound on `T`, so that for an argument that is not a future the
    /// compiler reports one error only.
    #[doc(hidden)]
    #[must_use = "a scope runs when it is awaited"]
    pub struct FutureInScope<T, R> {
        surroundings: Surroundings,
        #[pin]
        future: T,
        poll: fn(Pin<&mut T>, &mut Context<'_>) -> Poll<R>,
    }
}

impl<T, R> FutureInScope<T, R> {
    fn new(surroundings: Surroundings, future: T) -> Self
    where
        T: RunsInScope<Output = R>,
    {
        Self {
            surroundings,
            future,
            poll: T::poll_scoped,
        }
    }
}

impl<T, R> Future for FutureInScope<T, R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut this = self.project();
        let mut output = Poll::Pending;
        this.surroundings.run(&mut || {
            output = (this.poll)(this.future.as_mut(), cx);
        });
        output
    }
}

impl<T, R> fmt::Debug for FutureInScope<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureInScope").finish_non_exhaustive()
    }
}

/// Returns the factory of the innermost scope of type `F`, or else that of the test whose runtime runs this code.
pub(crate) fn factory<F: Any + Clone>() -> Option<F> {
    let scoped = frames().find_map(|frame| match &frame.entry {
        Entry::Scope(factory) => factory.downcast_ref::<F>().cloned(),
        #[cfg(feature = "testing")]
        Entry::Test(test) => test.factory::<F>(),
        _ => None,
    });
    #[cfg(feature = "testing")]
    let scoped = scoped.or_else(|| test_context::of_runtime()?.factory::<F>());
    scoped
}

/// Runs `future` as a part of the test, on whichever runtime it runs.
#[cfg(feature = "testing")]
pub(crate) fn in_test<T: Future>(test: Arc<TestContext>, future: T) -> Within<T> {
    Within::new(Entry::Test(test), future)
}

/// Runs the application's `future` as a part of the test.
#[cfg(feature = "testing")]
pub(crate) fn in_scope_of_test<T, R>(test: Arc<TestContext>, future: T) -> FutureInScope<T, R>
where
    T: RunsInScope<Output = R>,
{
    FutureInScope::new(Surroundings::new(Entry::Test(test)), future)
}

/// Ties a hook to the test that registers it, because the hook may run later on another runtime than the test's.
#[cfg(feature = "testing")]
pub(crate) fn kept_for_later(future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
    match test() {
        Some(test) => Box::pin(in_test(test, future)),
        None => future,
    }
}

/// Returns the test that this code belongs to.
#[cfg(feature = "testing")]
pub(crate) fn test() -> Option<Arc<TestContext>> {
    let of_frame = frames().find_map(|frame| match &frame.entry {
        Entry::Test(test) => Some(Arc::clone(test)),
        _ => None,
    });
    of_frame.or_else(test_context::of_runtime)
}

/// Counts the factory's sessions around the current code.
pub(crate) fn held(identity: usize) -> usize {
    frames()
        .filter(|frame| matches!(&frame.entry, Entry::Session(of, _) if *of == identity))
        .count()
}

/// Returns the log position that reads through this factory must see here.
pub(crate) fn followed(identity: usize) -> Option<LogPosition> {
    let position = |frame: Arc<Frame>| match &frame.entry {
        Entry::Follows(of, position) if *of == identity => Some(*position),
        _ => None,
    };
    frames()
        .filter_map(position)
        .fold(None, |all, one| LogPosition::both(all, Some(one)))
}

/// True in a task that `shutdown` waits for.
pub(crate) fn is_detached(identity: usize) -> bool {
    frames().any(|frame| matches!(&frame.entry, Entry::Detached(of) if *of == identity))
}

/// Returns the function in this task that already uses one of the factory's sessions.
pub(crate) fn holder(identity: usize) -> Option<Origin> {
    frames().find_map(|frame| match &frame.entry {
        Entry::Session(of, holder) if *of == identity => Some(*holder),
        _ => None,
    })
}

/// The functions in this task that use sessions, of any factory.
#[cfg(feature = "testing")]
pub(crate) fn holders() -> Vec<Origin> {
    frames()
        .filter_map(|frame| match &frame.entry {
            Entry::Session(_, holder) => Some(*holder),
            _ => None,
        })
        .collect()
}
