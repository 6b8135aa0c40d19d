//! The call of a body.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What [`with_session`](crate::Factory::with_session), [`SessionBuilder::run`](crate::SessionBuilder::run) and
/// [`savepoint`](crate::Session::savepoint) return: the call of the body, which runs when it is awaited.
///
/// Boxed, so that its type does not name the body: the compiler repeats a body's error wherever a type names that body.
#[must_use = "the body runs when this is awaited"]
pub struct Run<'a, T, E>(Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>);

impl<'a, T, E> Run<'a, T, E> {
    pub(crate) fn new(call: impl Future<Output = Result<T, E>> + Send + 'a) -> Self {
        Self(Box::pin(call))
    }
}

impl<T, E> Future for Run<'_, T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<T, E> fmt::Debug for Run<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}
