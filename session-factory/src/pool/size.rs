//! How many connections a pool has.

use crate::config::Settings;
use crate::driver::Driver;

/// Connections that are kept, and the most that may be open.
pub(super) fn of<D: Driver>(settings: &Settings) -> (u32, u32) {
    let kept = settings.pool_size.max(1);
    let most = kept.saturating_add(settings.max_overflow);
    match D::connection_limit(settings) {
        Some(limit) => (kept.min(limit), most.min(limit)),
        None => (kept, most),
    }
}
