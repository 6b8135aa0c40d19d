//! Bounds for the futures that the application passes. They do not name `Future` as a supertrait: if the application
//! passes a closure, the compiler then reports one error, with the message given here.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that runs in a scope: of a factory, a commit or a test.
#[diagnostic::on_unimplemented(
    message = "a scope runs a future, and this is not one",
    label = "expected a future",
    note = "write the call itself, `scope(rename(7, \"Ada\"))`, or a block: `scope(async {{ … }})`"
)]
pub trait RunsInScope {
    /// The future's output.
    type Output;

    /// Polls the future.
    fn poll_scoped(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output>;
}

#[diagnostic::do_not_recommend]
impl<T: Future> RunsInScope for T {
    type Output = T::Output;

    fn poll_scoped(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        self.poll(cx)
    }
}

/// A future that runs after the transaction.
#[diagnostic::on_unimplemented(
    message = "a hook is a future that returns nothing, and this is something else",
    label = "expected a future of `()`",
    note = "write a block: `db.after_commit(async move {{ … }})`; an error is handled inside it: `if let Err(error) = … {{ … }}`"
)]
pub trait Hook {
    /// The future.
    type Future: Future<Output = ()>;

    /// The same value, as a future.
    fn future(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<T: Future<Output = ()>> Hook for T {
    type Future = T;

    fn future(self) -> T {
        self
    }
}
