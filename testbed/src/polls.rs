//! Drops futures, or makes them panic, at a chosen poll.
//!
//! A future can only be cancelled at its await points. To try all of them, run it once with
//! [`count`], and then with [`drop_at`] for every smaller number of polls.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Polls a future at most `polls` times, then drops it.
///
/// Returns the future's output, or `None` if the future was dropped before it was ready. With 0,
/// the future is dropped without a poll.
///
/// ```
/// # testbed::block_on(async {
/// use testbed::polls;
/// async fn work() -> u8 {
///     tokio::task::yield_now().await; // the first poll ends here
///     7
/// }
/// assert_eq!(polls::drop_at(1, work()).await, None);
/// assert_eq!(polls::drop_at(2, work()).await, Some(7));
/// # });
/// ```
pub async fn drop_at<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(move |context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            // Drop it now and not at the next wake-up: a cancelled caller does not wait either.
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a future to its end and counts the polls.
pub async fn count<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(move |context| {
        polled += 1;
        future.as_mut().poll(context).map(|value| (value, polled))
    })
    .await
}

/// Passes `polls` polls on to a future, and panics instead of the next one.
///
/// Unwinding drops the inner future, as if its own body panicked at that await.
///
/// # Panics
/// With the text `panic at poll N`, unless the future is ready before.
pub async fn panic_at<F: Future>(polls: usize, future: F) -> F::Output {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(move |context| {
        assert!(polled < polls, "panic at poll {polls}");
        polled += 1;
        future.as_mut().poll(context)
    })
    .await
}
