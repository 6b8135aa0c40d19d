//! Futures that end at a chosen poll.

use std::sync::atomic::{AtomicUsize, Ordering};

use testbed::polls;

async fn steps(done: &AtomicUsize) -> usize {
    for _ in 0..3 {
        tokio::task::yield_now().await;
        done.fetch_add(1, Ordering::Relaxed);
    }
    done.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_future_is_dropped_at_each_of_its_polls() {
    let (steps_done, needed) = polls::count(steps(&AtomicUsize::new(0))).await;
    assert_eq!((steps_done, needed), (3, 4));
    for k in 0..=needed {
        let done = AtomicUsize::new(0);
        let output = polls::drop_at(k, steps(&done)).await;
        assert_eq!(output, (k == needed).then_some(3), "poll {k}");
        assert_eq!(
            done.load(Ordering::Relaxed),
            k.saturating_sub(1),
            "poll {k}"
        );
    }
}

#[tokio::test]
async fn a_future_panics_at_the_chosen_poll() {
    let panicked = tokio::spawn(polls::panic_at(2, async {
        steps(&AtomicUsize::new(0)).await;
    }));
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(polls::panic_at(4, steps(&AtomicUsize::new(0))).await, 3);
}
