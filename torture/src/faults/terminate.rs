//! The server ends the connection, as `pg_terminate_backend` does: before a packet of the client's
//! arrives, while the server works on it, and after it has answered.

use std::sync::atomic::{AtomicBool, Ordering};

use testbed::proxy::Direction;

use super::{Struck, Variant, guarded};
use crate::bed::PgBed;
use crate::lane::Lane;
use crate::workloads::Workload;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "before",
        thorough: false,
    },
    Variant {
        name: "during",
        thorough: false,
    },
    Variant {
        name: "after",
        thorough: false,
    },
];

pub(super) async fn strike(lane: &mut Lane, workload: &Workload, variant: &str, at: u64) -> Struck {
    let case = lane.case(None);
    let direction = if variant == "after" {
        Direction::ToClient
    } else {
        Direction::ToServer
    };
    let subject = lane.subject.clone();
    let bed = lane.postgres();
    bed.gate().stop_at(direction, at);
    let reached = AtomicBool::new(false);
    let ended = {
        let run = workload.run(&*subject, &case);
        let kill = async {
            bed.gate().reached().await;
            reached.store(true, Ordering::SeqCst);
            if variant == "during" {
                kill_at_work(bed).await;
            } else {
                bed.terminate_all().await;
                bed.gate().open();
            }
        };
        guarded(async {
            let mut kill = std::pin::pin!(kill);
            let mut run = std::pin::pin!(run);
            tokio::select! {
                () = &mut kill => run.await,
                () = &mut run => {
                    // What it has begun it also ends: the auditor's lock, above all.
                    if reached.load(Ordering::SeqCst) {
                        kill.await;
                    }
                }
            }
            Some(())
        })
        .await
    };
    bed.gate().open();
    Struck::new(case, reached.into_inner(), ended)
}

/// Has the server stop in the middle of the packet: INSERT and COMMIT wait for the auditor's lock.
async fn kill_at_work(bed: &PgBed) {
    bed.rows("SELECT pg_advisory_lock(1)").await;
    bed.gate().open();
    bed.until_blocked().await;
    bed.terminate_all().await;
    bed.rows("SELECT pg_advisory_unlock(1)").await;
}
