//! The pool's figures for the `metrics` crate, once a second while a recorder is installed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::core::Core;
use crate::driver::Driver;
use crate::observe::{PoolFigures, figures};

const PAUSE: Duration = Duration::from_secs(1);

/// Starts the task. It ends with the factory.
pub(super) fn watch<D: Driver>(core: &Arc<Core<D>>) {
    let core = Arc::downgrade(core);
    // Ignored: without a background runtime no connection can be opened either, and that fails with its own error.
    let _no_runtime = crate::runtime::spawn(run(core));
}

async fn run<D: Driver>(core: Weak<Core<D>>) {
    loop {
        sleep(PAUSE).await;
        let Some(core) = core.upgrade() else { return };
        if !figures::is_recorded() {
            continue;
        }
        let status = core.status();
        let now = PoolFigures {
            idle: status.idle,
            used: status.in_use + status.recovering,
            recovering: status.recovering,
            waiting: status.waiting,
            kept: status.pool_size,
            most: status.limit,
        };
        figures::pool_now(core.name, core.kind, &now);
        if core.ended.is_cancelled() {
            return;
        }
    }
}
