//! Waiting for what becomes true soon.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::background;

/// Asks every 5 ms until the answer is true.
///
/// For what another process does in its own time ("the server has noticed the closed
/// connection"). Time is real time, also under a paused tokio clock.
///
/// ```
/// # testbed::block_on(async {
/// # use std::time::Duration;
/// # let database = testbed::postgres::database().await;
/// # let admin = database.admin();
/// testbed::eventually(Duration::from_secs(1), "nobody is in a transaction", async || {
///     admin.activity().await.iter().all(|backend| !backend.in_transaction)
/// })
/// .await;
/// # });
/// ```
///
/// # Panics
/// When the answer is still false at the limit; the message says `what`.
pub async fn eventually<F, Fut>(limit: Duration, what: &str, mut holds: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        background::sleep(Duration::from_millis(5)).await;
    }
}
