//! What a task knows: a scope's factory, and the sessions that surround it.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

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
    /// `factory.scope(…)`: the factory, whatever its type.
    Scope(Box<dyn Any + Send + Sync>),
    /// A session of this factory is in use, by this function.
    Session(usize, Origin),
    /// Readers of this factory follow the commit at this position.
    Follows(usize, LogPosition),
    /// The task runs to its end even if its caller is dropped: this factory's `shutdown` waits for it.
    Detached(usize),
}

fn current() -> Option<Arc<Frame>> {
    CONTEXT.try_with(Arc::clone).ok()
}

fn frames() -> impl Iterator<Item = Arc<Frame>> {
    std::iter::successors(current(), |frame| frame.outer.clone())
}

/// Runs `future` with `factory` in place of the global one.
pub(crate) fn with_factory<F, T>(factory: F, future: T) -> Within<T>
where
    F: Any + Send + Sync,
    T: Future,
{
    Within::new(Entry::Scope(Box::new(factory)), future)
}

/// For what uses a session of the factory with this identity.
pub(crate) fn in_session(identity: usize, holder: Origin) -> Surroundings {
    Surroundings::new(Entry::Session(identity, holder))
}

/// Runs `future`, whose readers of the factory with this identity follow a commit.
pub(crate) fn following<T: Future>(identity: usize, position: LogPosition, future: T) -> Within<T> {
    Within::new(Entry::Follows(identity, position), future)
}

/// Runs `future` in its own task, with the call's surroundings.
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

/// One entry more, and all that is around it.
///
/// Replaces `LocalKey::scope` for two reasons: the surroundings are those of the first poll instead of the call's,
/// and the code is not generic over the body, so compiled once.
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

    /// Runs `poll` with the entry.
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
    /// A future that runs with one entry more. Not an `async fn`: those hold what they are given twice.
    #[doc(hidden)]
    pub struct Within<T> {
        surroundings: Surroundings,
        #[pin]
        inner: T,
    }
}

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

/// The factory of the innermost scope of this type.
pub(crate) fn factory<F: Any + Clone>() -> Option<F> {
    frames().find_map(|frame| match &frame.entry {
        Entry::Scope(factory) => factory.downcast_ref::<F>().cloned(),
        _ => None,
    })
}

/// How many of the factory's sessions surround this task.
pub(crate) fn held(identity: usize) -> usize {
    frames()
        .filter(|frame| matches!(&frame.entry, Entry::Session(of, _) if *of == identity))
        .count()
}

/// The newest commit of the factory that readers here follow.
pub(crate) fn followed(identity: usize) -> Option<LogPosition> {
    let position = |frame: Arc<Frame>| match &frame.entry {
        Entry::Follows(of, position) if *of == identity => Some(*position),
        _ => None,
    };
    frames()
        .filter_map(position)
        .fold(None, |all, one| LogPosition::both(all, Some(one)))
}

/// Whether this is a task that `shutdown` waits for.
pub(crate) fn is_detached(identity: usize) -> bool {
    frames().any(|frame| matches!(&frame.entry, Entry::Detached(of) if *of == identity))
}

/// The function in this task that already uses one of the factory's sessions.
pub(crate) fn holder(identity: usize) -> Option<Origin> {
    frames().find_map(|frame| match &frame.entry {
        Entry::Session(of, holder) if *of == identity => Some(*holder),
        _ => None,
    })
}
