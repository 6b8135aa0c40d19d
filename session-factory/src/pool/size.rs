//! The number of connections in a pool.

use crate::config::Settings;
use crate::driver::Driver;

/// Returns the number of connections that the pool keeps, and the greatest number that it may open.
pub(super) fn of<D: Driver>(settings: &Settings) -> (u32, u32) {
    let kept = settings.pool_size.max(1);
    let most = kept.saturating_add(settings.max_overflow);
    match D::connection_limit(settings) {
        Some(limit) => (kept.min(limit), most.min(limit)),
        None => (kept, most),
    }
}
