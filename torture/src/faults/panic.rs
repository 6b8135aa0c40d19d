//! The caller panics, around the call or inside its body.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout};

use super::cancel::QUIET;
use super::{Ended, Struck, Variant, guarded};
use crate::case::PanicAt;
use crate::lane::Lane;
use crate::workloads::Workload;

/// The time limit for work that continues after the call.
const REST: Duration = Duration::from_secs(30);

pub(super) const VARIANTS: &[Variant] = &[
    // At every await of the call, including the library's own, instead of a poll.
    Variant {
        name: "poll",
        thorough: false,
    },
    // In the body, before and after each statement.
    Variant {
        name: "step",
        thorough: false,
    },
    // In every call that the library makes to the application's code: each event and the destructor
    // of the instrumentation, the hooks, and on PostgreSQL the credential provider. Most of these
    // calls happen while the session ends, and some after the caller has its result.
    Variant {
        name: "callback",
        thorough: false,
    },
];

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let panics = match variant {
        "step" => Some(PanicAt::Step(at)),
        "callback" => Some(PanicAt::Callback(at)),
        _ => None,
    };
    let case = lane.case(panics);
    let polls = match panics {
        Some(_) => usize::MAX,
        None => usize::try_from(at).unwrap_or(usize::MAX),
    };
    if let Some(PanicAt::Callback(_)) = panics {
        lane.subject.serves(Some(&case));
    }
    let mut gave_up = false;
    let ended = {
        let run = testbed::polls::panic_at(polls, workload.run(&*lane.subject, &case));
        guarded(async {
            if workload.endless {
                let polled = timeout(QUIET, run).await;
                gave_up = polled.is_err();
                polled.ok()
            } else {
                run.map(Some).await
            }
        })
        .await
    };
    if let Some(PanicAt::Callback(_)) = panics {
        // The library's work after the call runs callbacks too.
        let subject = &*lane.subject;
        let _audited_anyway = timeout(REST, async {
            while !subject.is_quiet() {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    case.is_over();
    let reached = matches!(ended, Ended::Panicked) || case.has_panicked();
    Struck {
        last: gave_up || !reached,
        ..Struck::new(case, reached, ended)
    }
}
