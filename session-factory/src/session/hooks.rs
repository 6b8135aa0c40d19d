//! Hooks, which run after a transaction's end.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::error::TransactionOutcome;
use crate::observe;

/// A hook. Contains panics from polling and from dropping the future.
struct Hook(Option<BoxFuture<'static, ()>>);

impl Hook {
    fn new(future: BoxFuture<'static, ()>) -> Self {
        #[cfg(feature = "testing")]
        let future = crate::call::task_context::kept_for_later(future);
        Self(Some(future))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(());
        };
        std::panic::catch_unwind(AssertUnwindSafe(|| future.poll_unpin(cx))).unwrap_or_else(
            |panic| {
                panicked(panic);
                Poll::Ready(())
            },
        )
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        let future = self.0.take();
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(future))) {
            panicked(panic);
        }
    }
}

/// The registered hooks, and where each open savepoint began.
#[derive(Default)]
pub(crate) struct Hooks {
    commit: Vec<Hook>,
    rollback: Vec<Hook>,
    /// Hooks of savepoints that were rolled back, waiting to run.
    undone: Vec<Hook>,
    marks: Vec<(usize, usize)>,
}

impl Hooks {
    pub(super) fn after_commit(&mut self, hook: BoxFuture<'static, ()>) {
        self.commit.push(Hook::new(hook));
    }

    pub(super) fn after_rollback(&mut self, hook: BoxFuture<'static, ()>) {
        self.rollback.push(Hook::new(hook));
    }

    pub(super) fn has_rollback_hooks(&self) -> bool {
        !self.rollback.is_empty() || !self.undone.is_empty()
    }

    pub(super) fn has_any(&self) -> bool {
        self.has_rollback_hooks() || !self.commit.is_empty()
    }

    /// Returns how many hooks are registered.
    pub(super) fn count(&self) -> usize {
        self.commit.len() + self.rollback.len() + self.undone.len()
    }

    /// Call when a savepoint is opened.
    pub(super) fn mark(&mut self) {
        self.marks.push((self.commit.len(), self.rollback.len()));
    }

    /// Call when a savepoint is released: its hooks now belong to the enclosing savepoint or transaction.
    pub(super) fn keep_marked(&mut self, level: u32) {
        self.marks.truncate(level as usize - 1);
    }

    /// Call when a savepoint is rolled back: its commit hooks never run, its rollback hooks are due.
    pub(super) fn drop_marked(&mut self, level: u32) {
        let level = level as usize - 1;
        if let Some((commit, rollback)) = self.marks.get(level).copied() {
            self.commit.truncate(commit);
            self.undone.extend(self.rollback.drain(rollback..));
        }
        self.marks.truncate(level);
    }

    /// Runs the hooks of savepoints that were rolled back.
    pub(super) async fn undone(&mut self) {
        run(std::mem::take(&mut self.undone)).await;
    }

    /// Call when the transaction is over: runs the hooks for its outcome.
    pub(super) async fn over(&mut self, left: TransactionOutcome) {
        self.marks.clear();
        if !self.has_any() {
            return;
        }
        let mut due = std::mem::take(&mut self.undone);
        let (commit, rollback) = (
            std::mem::take(&mut self.commit),
            std::mem::take(&mut self.rollback),
        );
        match left {
            TransactionOutcome::Committed => due.extend(commit),
            TransactionOutcome::RolledBack => due.extend(rollback),
            // Neither kind runs, because either could act on an outcome that is false.
            TransactionOutcome::Unknown => {}
        }
        run(due).await;
    }
}

/// Runs hooks one after another. If the caller is dropped, the remaining ones run in the background.
async fn run(hooks: Vec<Hook>) {
    if hooks.is_empty() {
        return;
    }
    let mut running = Running(hooks.into_iter().rev().collect());
    std::future::poll_fn(|cx| running.poll(cx)).await;
}

/// Hooks that are being run, in reverse order: the next hook is the last element.
struct Running(Vec<Hook>);

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(hook) = self.0.last_mut() {
            if hook.poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.0.pop();
        }
        Poll::Ready(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let mut rest = Running(std::mem::take(&mut self.0));
            crate::runtime::spawn_orphan(async move {
                std::future::poll_fn(|cx| rest.poll(cx)).await;
            });
        }
    }
}

fn panicked(panic: Box<dyn Any + Send>) {
    // Dropping the panic's payload could panic again, so it is leaked (`mem::forget`).
    std::mem::forget(panic);
    observe::figures::hook_panicked();
    observe::report(
        "a hook of after_commit or after_rollback panicked; the transaction's outcome stands",
    );
}
