//! Futures that are dropped, or panic, at a chosen poll.
//!
//! A future can be cancelled at each of its await points and nowhere else. To try them all, run
//! it once with [`count`] and then with [`drop_at`] for every number below that.

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Polls a future at most `polls` times, then drops it.
///
/// Gives its output, or `None` if it was dropped before it was done. With 0 it is dropped without
/// having been polled at all.
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
            // Not at the next wake-up: a cancelled caller does not wait either.
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a future to its end and says how often it was polled.
pub async fn count<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(move |context| {
        polled += 1;
        future.as_mut().poll(context).map(|value| (value, polled))
    })
    .await
}

/// Lets `polls` polls of a future through and panics in place of the next.
///
/// The future inside is dropped by the unwinding, as when its own body panics at that await.
///
/// # Panics
/// With the text `panic at poll N`, unless the future is done before.
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
