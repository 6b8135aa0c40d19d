//! The caller panics, around the call or inside of its body.

use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::cancel::QUIET;
use super::{Ended, Struck, Variant, guarded};
use crate::lane::Lane;
use crate::workloads::Workload;

pub(super) const VARIANTS: &[Variant] = &[
    // In place of a poll: every await of the call, the library's own too.
    Variant {
        name: "poll",
        thorough: false,
    },
    // In the body, before and after each of its statements.
    Variant {
        name: "step",
        thorough: false,
    },
];

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let in_body = variant == "step";
    let case = lane.case(in_body.then_some(at));
    let polls = if in_body {
        usize::MAX
    } else {
        usize::try_from(at).unwrap_or(usize::MAX)
    };
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
    let reached = matches!(ended, Ended::Panicked);
    Struck {
        last: gave_up || !reached,
        ..Struck::new(case, reached, ended)
    }
}
