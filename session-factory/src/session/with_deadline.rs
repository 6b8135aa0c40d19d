//! A body that runs in its session until its deadline.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::unit_of_work::Scope;
use crate::call::task_context::{self, Surroundings};
use crate::error::SessionError;
use crate::observe::BodyMonitor;

pin_project! {
    /// A body's future, polled until the deadline.
    #[doc(hidden)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Bounded<B: Future> {
        around: Around,
        #[pin]
        body: B,
        fail: fn(SessionError) -> B::Output,
    }
}

/// What surrounds a body. Not generic over the body, so compiled once.
struct Around {
    surroundings: Surroundings,
    timer: Option<Box<Timer>>,
    monitor: Option<Arc<BodyMonitor>>,
}

/// The deadline's timer. Only calls with a `timeout` have one.
struct Timer {
    scope: Scope,
    /// Made at the first poll.
    sleep: Option<Pin<Box<Sleep>>>,
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
            surroundings: task_context::in_session(scope.identity, scope.holder),
            monitor: scope.monitor.clone(),
            timer: Timer::of(scope),
        }
    }

    /// Polls the body, which returns whether it is ready. Returns `Ready` if the body is pending and the deadline has
    /// passed.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut dyn FnMut(&mut Context<'_>) -> bool,
    ) -> Poll<SessionError> {
        let mut is_ready = false;
        let surroundings = &mut self.surroundings;
        let mut poll = || surroundings.run(&mut || is_ready = body(cx));
        match &self.monitor {
            Some(monitor) => monitor.run(&mut poll),
            None => poll(),
        }
        match &mut self.timer {
            Some(timer) if !is_ready => timer.poll(cx),
            _ => Poll::Pending,
        }
    }
}

impl Timer {
    fn of(scope: Scope) -> Option<Box<Self>> {
        scope.deadline.as_ref()?;
        Some(Box::new(Self { scope, sleep: None }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SessionError> {
        let Some(deadline) = self.scope.deadline.as_deref() else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| {
            // The timer uses the background runtime: the caller's runtime may lack timers, or have stopped.
            let _context = crate::runtime::enter();
            Box::pin(sleep(deadline.left()))
        });
        sleep
            .as_mut()
            .poll(cx)
            .map(|()| deadline.while_running(&self.scope.holder).into())
    }
}
