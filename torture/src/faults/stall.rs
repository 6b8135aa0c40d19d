//! The network goes silent after the n-th byte, and the caller gives up.

use std::time::Duration;

use testbed::proxy::{Action, Cut};
use tokio::time::timeout;

use super::cut::direction;
use super::{Struck, Variant, guarded};
use crate::lane::Lane;
use crate::workloads::Workload;

pub(super) const VARIANTS: &[Variant] = super::cut::VARIANTS;

/// How long the caller waits. The call normally takes a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let case = lane.case(None);
    lane.proxy()
        .arm(Cut::after(at, direction(variant)).action(Action::Stall));
    let ended = {
        let run = timeout(PATIENCE, workload.run(&*lane.subject, &case));
        guarded(async { run.await.ok() }).await
    };
    let reached = !lane.proxy().is_armed();
    lane.proxy().disarm();
    Struck::new(case, reached, ended)
}
