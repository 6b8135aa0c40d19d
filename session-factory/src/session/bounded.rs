//! A body that runs in its session, until its deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::unit::Scope;
use crate::error::SessionError;
use crate::factory::context::{self, Surroundings};

pin_project! {
    /// The future of a body.
    #[doc(hidden)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Bounded<B: Future> {
        around: Around,
        #[pin]
        body: B,
        fail: fn(SessionError) -> B::Output,
    }
}

/// What is around a body. It does not know the body's type, and is compiled once.
struct Around {
    surroundings: Surroundings,
    deadline: Option<Box<Deadline>>,
}

/// Only calls with a `timeout` have one.
struct Deadline {
    scope: Scope,
    /// Made at the first poll.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B: Future> std::fmt::Debug for Bounded<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").finish_non_exhaustive()
    }
}

impl<B: Future> Bounded<B> {
    pub(super) fn new(scope: Scope, body: B, fail: fn(SessionError) -> B::Output) -> Self {
        Self {
            around: Around::of(scope),
            body,
            fail,
        }
    }
}

impl<B: Future> Future for Bounded<B> {
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut this = self.project();
        let mut output = Poll::Pending;
        let late = this.around.poll(cx, &mut |cx| {
            output = this.body.as_mut().poll(cx);
            output.is_ready()
        });
        match late {
            Poll::Ready(error) => Poll::Ready((this.fail)(error)),
            Poll::Pending => output,
        }
    }
}

impl Around {
    fn of(scope: Scope) -> Self {
        Self {
            surroundings: context::in_session(scope.identity, scope.holder),
            deadline: Deadline::of(scope),
        }
    }

    /// Polls the body, which says whether it is ready. Ready itself when it is not, and the deadline has passed.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut dyn FnMut(&mut Context<'_>) -> bool,
    ) -> Poll<SessionError> {
        let mut is_ready = false;
        self.surroundings.run(&mut || is_ready = body(cx));
        match &mut self.deadline {
            Some(deadline) if !is_ready => deadline.poll(cx),
            _ => Poll::Pending,
        }
    }
}

impl Deadline {
    fn of(scope: Scope) -> Option<Box<Self>> {
        scope.clock.as_ref()?;
        Some(Box::new(Self { scope, timer: None }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SessionError> {
        let Some(clock) = self.scope.clock.as_deref() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| {
            // The caller's runtime may have no timers, or none that runs.
            let _context = crate::runtime::enter();
            Box::pin(sleep(clock.left()))
        });
        timer
            .as_mut()
            .poll(cx)
            .map(|()| clock.while_running(&self.scope.holder).into())
    }
}
