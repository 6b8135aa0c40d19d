//! Waiting for a condition to become true.

use std::cell::Cell;
use std::time::Duration;

use testbed::eventually;

#[tokio::test(start_paused = true)]
async fn waits_in_real_time_until_it_is_true() {
    let asked = Cell::new(0);
    eventually(Duration::from_secs(5), "asked three times", async || {
        asked.set(asked.get() + 1);
        asked.get() == 3
    })
    .await;
    assert_eq!(asked.get(), 3);
}

#[tokio::test]
#[should_panic(expected = "not within 20ms: pigs fly")]
async fn says_what_did_not_become_true() {
    eventually(Duration::from_millis(20), "pigs fly", async || false).await;
}
