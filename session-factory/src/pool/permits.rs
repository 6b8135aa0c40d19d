//! The queue in front of the pool: first come, first served.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// One permit for each connection that the pool may open. Its holder finds an idle connection, or
/// may open one.
///
/// It replaces bb8's own queue: bb8 wakes waiting callers in order, but a later caller that asks before the woken task
/// runs takes the connection. tokio's semaphore passes a permit directly to the next waiting caller.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Semaphore>);

impl Permits {
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes a permit, unless all are taken or an earlier caller waits for one.
    pub(super) fn try_take(&self) -> Option<Permit> {
        self.0.try_acquire().ok()?.forget();
        Some(Permit(Arc::clone(&self.0)))
    }

    /// Waits for a permit. Never returns `None`, because the semaphore is never closed.
    ///
    /// # Cancellation
    /// If the future is dropped, the caller leaves the queue, and a permit that the
    /// future has just got goes to the next caller.
    pub(super) async fn take(&self) -> Option<Permit> {
        self.0.acquire().await.ok()?.forget();
        Some(Permit(Arc::clone(&self.0)))
    }
}

/// A permit, held until it is dropped. It replaces tokio's guard, for which a clippy lint would
/// warn at every session.
#[derive(Debug)]
pub(super) struct Permit(Arc<Semaphore>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}
