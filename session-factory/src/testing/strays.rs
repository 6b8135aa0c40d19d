//! Sessions that are still open when a test's body has ended.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::plan::{Plan, Stray};
use crate::factory::{Factory, SessionFactory};

const PAUSE: Duration = Duration::from_millis(2);

/// Waits until every session has ended and no detached call runs. The test's runtime goes on meanwhile.
///
/// # Errors
/// Which sessions are still open after the test's limit.
pub(super) async fn ended<F: SessionFactory>(
    plan: &Plan,
    factory: &Factory<F>,
) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let is_quiet = factory.holders().is_empty() && !factory.has_detached_calls();
        if is_quiet {
            return Ok(());
        }
        if plan.stray == Stray::Fail && started.elapsed() >= plan.within {
            return Err(in_words(plan, factory));
        }
        // The background runtime's clock, because the test's may be paused.
        let pause = async { tokio::time::sleep(PAUSE).await };
        let _no_runtime = crate::runtime::within(pause).await;
    }
}

fn in_words<F: SessionFactory>(plan: &Plan, factory: &Factory<F>) -> String {
    let holders = factory.holders();
    let limit = crate::time::text(plan.within);
    let mut text = match holders.len() {
        0 => format!("a detached call still runs {limit} after the test's body has ended"),
        1 => format!("one session is still open {limit} after the test's body has ended:"),
        number => {
            format!("{number} sessions are still open {limit} after the test's body has ended:")
        }
    };
    for holder in holders {
        let state = if holder.recovering {
            "its session was dropped and is being rolled back"
        } else {
            "open"
        };
        let since = crate::time::in_millis(holder.held_for);
        let _ = write!(text, "\n  - {}, {state} for {since}", holder.holder);
    }
    text.push_str("\nawait what opened it in the test, or write `stray = \"wait\"`");
    text
}
