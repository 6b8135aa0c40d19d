//! Cuts the connection after the n-th byte from one side.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use testbed::proxy::{Action, Cut, Direction};
use tokio::time::sleep;

use super::{Struck, Variant, guarded};
use crate::lane::Lane;
use crate::workloads::Workload;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "from-server",
        thorough: false,
    },
    Variant {
        name: "from-client",
        thorough: false,
    },
];

pub(super) fn direction(variant: &str) -> Direction {
    if variant == "from-client" {
        Direction::ToServer
    } else {
        Direction::ToClient
    }
}

/// How long the cut stays armed after the call, for the session's remaining work.
const ARMED: Duration = Duration::from_secs(5);

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let case = lane.case(None);
    // Alternate between a peer that closes and a peer that crashes.
    let action = if at.is_multiple_of(2) {
        Action::Reset
    } else {
        Action::Close
    };
    let cut = Cut::after(at, direction(variant)).action(action);
    lane.proxy().arm(cut);
    let ended = {
        let run = workload.run(&*lane.subject, &case);
        guarded(run.map(Some)).await
    };
    let started = Instant::now();
    while lane.proxy().is_armed() && !lane.subject.is_quiet() && started.elapsed() < ARMED {
        sleep(Duration::from_micros(500)).await;
    }
    let reached = !lane.proxy().is_armed();
    lane.proxy().disarm();
    Struck::new(case, reached, ended)
}
