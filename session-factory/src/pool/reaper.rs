//! Closes connections that are too old, and idle ones above `pool_size`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bb8::{Pool, PooledConnection};
use futures_util::FutureExt;
use tokio::time::sleep;

use super::connector::Connector;
use super::core::{Core, Source};
use crate::config::Settings;
use crate::driver::Driver;

const OFTENEST: Duration = Duration::from_millis(50);
const RAREST: Duration = Duration::from_secs(30);

/// Starts a factory's reaper, which ends with the factory.
pub(super) fn watch<D: Driver>(core: &Arc<Core<D>>, kept: u32, settings: &Settings) {
    let idle_timeout = settings.idle_timeout;
    let pause = (idle_timeout.min(settings.pool_recycle) / 4).clamp(OFTENEST, RAREST);
    let core = Arc::downgrade(core);
    // Ignored: without a background runtime no connection can be opened either, and that fails with its own error.
    let _no_runtime = crate::runtime::spawn(run(core, kept, idle_timeout, pause));
}

async fn run<D: Driver>(core: Weak<Core<D>>, kept: u32, idle_timeout: Duration, pause: Duration) {
    loop {
        sleep(pause).await;
        let Some(core) = core.upgrade() else { return };
        match core.source() {
            Source::Own(pool) => sweep(&pool, kept, idle_timeout),
            Source::External(_) => {}
            Source::None(_) | Source::Closed => return,
        }
    }
}

fn sweep<D: Driver>(pool: &Pool<Connector<D>>, kept: u32, idle_timeout: Duration) {
    let state = pool.state();
    // bb8 only supports taking connections out and putting them back. There is no await in between,
    // so a caller finds the pool empty only for a moment.
    let mut idle: Vec<PooledConnection<'static, Connector<D>>> = Vec::new();
    for _ in 0..state.idle_connections {
        match pool.get_owned().now_or_never() {
            Some(Ok(slot)) => idle.push(slot),
            _ => break,
        }
    }
    let mut surplus = state.connections.saturating_sub(kept);
    // bb8 lends the connection that was returned last. So the end of the list has idled longest,
    // and is put back first to keep the order.
    for mut slot in idle.into_iter().rev() {
        if slot.is_expired() || slot.is_of_the_past() {
            slot.retire();
            surplus = surplus.saturating_sub(1);
        } else if surplus > 0 && slot.idle_for() >= idle_timeout {
            slot.retire();
            surplus -= 1;
        }
    }
}
