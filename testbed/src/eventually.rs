//! Waiting for what becomes true soon.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::background;

/// How long a condition may take that needs no time of its own. The limit is for what hangs: a machine that is busy with
/// other tests takes many seconds over what it does in milliseconds alone. Statements that must not end by themselves
/// within it sleep for longer.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Asks every 5 ms until the answer is true.
///
/// For what another process does in its own time ("the server has noticed the closed
/// connection"). Time is real time, also under a paused tokio clock.
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
