//! The bounds on asynchronous closures that take a session.

use std::future::Future;

/// An async closure whose future is `Send` and can be named. (diesel-async's `AsyncFunc` does the same, but is
/// private.)
#[diagnostic::on_unimplemented(
    message = "this body cannot run in a session",
    label = "expected `async |db| …` whose future is `Send`",
    note = "the body may not hold anything that is not `Send` (an `Rc`, a `RefCell` borrow, a `MutexGuard`) over an `.await`"
)]
pub trait AsyncBody<T, R>:
    AsyncFnOnce(T) -> R + FnOnce(T) -> <Self as AsyncBody<T, R>>::Future
{
    /// The closure's future.
    type Future: Future<Output = R> + Send;
}

impl<B, T, R, O> AsyncBody<T, R> for B
where
    B: AsyncFnOnce(T) -> R + FnOnce(T) -> O,
    O: Future<Output = R> + Send,
{
    type Future = O;
}

/// Like `AsyncBody`, for a closure that runs more than once.
#[diagnostic::on_unimplemented(
    message = "this body cannot run in a session more than once",
    label = "expected `async |db| …` that can be called again, whose future is `Send`",
    note = "with `retry` the body borrows what it uses: write `async |db|` without `move`, and clone inside what it consumes"
)]
pub trait AsyncBodyAgain<T, R>:
    AsyncFn(T) -> R + Fn(T) -> <Self as AsyncBodyAgain<T, R>>::Future
{
    /// The closure's future.
    type Future: Future<Output = R> + Send;
}

impl<B, T, R, O> AsyncBodyAgain<T, R> for B
where
    B: AsyncFn(T) -> R + Fn(T) -> O,
    O: Future<Output = R> + Send,
{
    type Future = O;
}
