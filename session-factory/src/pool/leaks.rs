//! Looks for sessions that hold their connections for too long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::core::Core;
use crate::driver::Driver;

const OFTENEST: Duration = Duration::from_millis(50);
const RAREST: Duration = Duration::from_secs(1);

/// Starts the task of a pool whose settings have a `leak_threshold`. It ends with the factory.
pub(super) fn watch<D: Driver>(core: &Arc<Core<D>>) {
    let Some(threshold) = core.monitor.leak_threshold() else {
        return;
    };
    let core = Arc::downgrade(core);
    // Ignored: without a background runtime no connection can be opened either, and that fails with its own error.
    let _no_runtime = crate::runtime::spawn(run(core, threshold));
}

async fn run<D: Driver>(core: Weak<Core<D>>, threshold: Duration) {
    let pause = (threshold / 8).clamp(OFTENEST, RAREST);
    loop {
        sleep(pause).await;
        let Some(core) = core.upgrade() else { return };
        for leak in core.registry.leaks(threshold, &core.monitor) {
            core.monitor.leaked(&leak);
        }
        // After a shutdown sessions may still hold connections; the task ends when the last one is returned.
        if core.ended.is_cancelled() && core.registry.counts() == (0, 0) {
            return;
        }
    }
}
