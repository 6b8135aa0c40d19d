//! What a task knows: the factory of a scope, and the sessions it is inside of.

use std::any::{Any, TypeId};
use std::future::Future;
use std::sync::Arc;

use super::{Factory, SessionFactory};

tokio::task_local! {
    static CONTEXT: Arc<Frame>;
}

/// One entry, and what was there before.
struct Frame {
    entry: Entry,
    outer: Option<Arc<Frame>>,
}

enum Entry {
    /// `factory.scope(…)`, by the type of the factory.
    Scope(TypeId, Box<dyn Any + Send + Sync>),
    /// A session of this factory is in use, by this function.
    Session(usize, String),
}

fn current() -> Option<Arc<Frame>> {
    CONTEXT.try_with(Arc::clone).ok()
}

fn frames() -> impl Iterator<Item = Arc<Frame>> {
    std::iter::successors(current(), |frame| frame.outer.clone())
}

/// Runs `future` with `factory` in place of the global one.
pub(crate) async fn with_factory<F: SessionFactory, T: Future>(
    factory: Factory<F>,
    future: T,
) -> T::Output {
    enter(Entry::Scope(TypeId::of::<F>(), Box::new(factory)), future).await
}

/// Runs `future`, which uses a session of the factory with this identity.
pub(crate) async fn with_session<T: Future>(
    identity: usize,
    holder: String,
    future: T,
) -> T::Output {
    enter(Entry::Session(identity, holder), future).await
}

async fn enter<T: Future>(entry: Entry, future: T) -> T::Output {
    let frame = Frame {
        entry,
        outer: current(),
    };
    CONTEXT.scope(Arc::new(frame), future).await
}

/// The factory of the innermost scope of this type.
pub(crate) fn factory<F: SessionFactory>() -> Option<Factory<F>> {
    frames().find_map(|frame| match &frame.entry {
        Entry::Scope(of, factory) if *of == TypeId::of::<F>() => {
            factory.downcast_ref::<Factory<F>>().cloned()
        }
        _ => None,
    })
}

/// Who in this task already uses a session of the factory.
pub(crate) fn holder(identity: usize) -> Option<String> {
    frames().find_map(|frame| match &frame.entry {
        Entry::Session(of, holder) if *of == identity => Some(holder.clone()),
        _ => None,
    })
}
