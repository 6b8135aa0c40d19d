//! The server ends the connection, as `pg_terminate_backend` does: before one of the client's
//! packets arrives, while the server works on it, and after the server has answered.

use std::sync::atomic::{AtomicBool, Ordering};

use testbed::proxy::Direction;

use super::{Struck, Variant, guarded};
use crate::bed::{Bed, MyBed, PgBed};
use crate::gate::Gate;
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
    let (bed, gate) = (Hand::of(&lane.bed), lane.gate());
    gate.stop_at(direction, at);
    let reached = AtomicBool::new(false);
    let ended = {
        let run = workload.run(&*subject, &case);
        let kill = async {
            gate.reached().await;
            reached.store(true, Ordering::SeqCst);
            if variant == "during" {
                bed.kill_at_work(gate).await;
            } else {
                bed.terminate_all().await;
                gate.open();
            }
        };
        guarded(async {
            let mut kill = std::pin::pin!(kill);
            let mut run = std::pin::pin!(run);
            tokio::select! {
                () = &mut kill => run.await,
                () = &mut run => {
                    // A kill that has begun must finish, because it holds the auditor's lock.
                    if reached.load(Ordering::SeqCst) {
                        kill.await;
                    }
                }
            }
            Some(())
        })
        .await
    };
    gate.open();
    Struck::new(case, reached.into_inner(), ended)
}

/// The auditor's access to the server.
#[derive(Clone, Copy)]
enum Hand<'a> {
    Postgres(&'a PgBed),
    Mysql(&'a MyBed),
}

impl<'a> Hand<'a> {
    fn of(bed: &'a Bed) -> Self {
        match bed {
            Bed::Postgres(bed) => Self::Postgres(bed),
            Bed::Mysql(bed) => Self::Mysql(bed),
            Bed::Sqlite(_) => panic!("this fault is for servers"),
        }
    }

    /// Ends the connection while the server works on the packet. On PostgreSQL, INSERT and COMMIT
    /// wait for the auditor's lock; on MySQL it is a race.
    async fn kill_at_work(self, gate: &Gate) {
        match self {
            Self::Postgres(bed) => {
                bed.rows("SELECT pg_advisory_lock(1)").await;
                gate.open();
                bed.until_blocked().await;
                bed.terminate_all().await;
                bed.rows("SELECT pg_advisory_unlock(1)").await;
            }
            Self::Mysql(bed) => {
                gate.open();
                bed.terminate_all().await;
            }
        }
    }

    async fn terminate_all(self) {
        match self {
            Self::Postgres(bed) => bed.terminate_all().await,
            Self::Mysql(bed) => bed.terminate_all().await,
        }
    }
}
