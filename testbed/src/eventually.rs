//! Waits for a condition to become true.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::background;

/// The time limit for a condition that should become true at once. It is meant for hanging tests: a
/// machine that runs other tests can take many seconds for a step that takes milliseconds alone.
/// Statements that must outlast the limit sleep for longer.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Calls `holds` every 5 ms until it returns true.
///
/// Use it for what another process does in its own time ("the server has noticed the closed
/// connection"). It waits in real time, even under a paused tokio clock.
///
/// ```
/// # testbed::block_on(async {
/// # let database = testbed::postgres::database().await;
/// # let admin = database.admin();
/// testbed::eventually(testbed::PATIENCE, "nobody is in a transaction", async || {
///     admin.activity().await.iter().all(|backend| !backend.in_transaction)
/// })
/// .await;
/// # });
/// ```
///
/// If `holds` still returns false at the limit. The message contains `what`.
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
