//! Drops the caller's future after its k-th poll, at once or a little later.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Ended, Struck, Variant, guarded};
use crate::lane::Lane;
use crate::workloads::Workload;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "at-once",
        thorough: false,
    },
    // The server is working on the statement.
    Variant {
        name: "after-300us",
        thorough: true,
    },
    Variant {
        name: "after-1ms",
        thorough: true,
    },
    // The server has answered.
    Variant {
        name: "after-3ms",
        thorough: true,
    },
];

/// An endless statement counts as running after this long without a poll.
pub(super) const QUIET: Duration = Duration::from_millis(60);

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let pause = match variant {
        "after-300us" => Duration::from_micros(300),
        "after-1ms" => Duration::from_millis(1),
        "after-3ms" => Duration::from_millis(3),
        _ => Duration::ZERO,
    };
    let case = lane.case(None);
    let mut is_running = false;
    let ended = {
        let run = workload.run(&*lane.subject, &case);
        let dropped = drop_after(at, pause, run);
        guarded(async {
            if workload.endless {
                let polled = timeout(QUIET, dropped).await;
                is_running = polled.is_err();
                polled.ok().flatten()
            } else {
                dropped.await
            }
        })
        .await
    };
    let reached = is_running || matches!(ended, Ended::Dropped);
    Struck {
        last: is_running || !reached,
        ..Struck::new(case, reached, ended)
    }
}

/// Polls a future `polls` times, waits, and drops it. `None` if it was not ready by then.
async fn drop_after<F: Future>(polls: u64, pause: Duration, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut polled = 0;
    let output = poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if output.is_none() && !pause.is_zero() {
        sleep(pause).await;
    }
    output
}
