//! The queue in front of the pool: who comes first is served first.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// One permit for each connection that the pool may open: who has one finds a connection, or room for it.
///
/// bb8 wakes those who wait in order, and whoever asks before the woken task runs takes its connection
/// away. tokio's semaphore hands a permit on by itself.
#[derive(Debug, Clone)]
pub(super) struct Permits(Arc<Semaphore>);

impl Permits {
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
    }

    /// A permit, unless all are taken or somebody waits for one.
    pub(super) fn try_take(&self) -> Option<Permit> {
        self.0.try_acquire().ok()?.forget();
        Some(Permit(Arc::clone(&self.0)))
    }

    /// Waits for a permit. Never `None`: the semaphore is not closed.
    ///
    /// # Cancellation
    /// Gives its turn up, and gives a permit that it was just handed to the next.
    pub(super) async fn take(&self) -> Option<Permit> {
        self.0.acquire().await.ok()?.forget();
        Some(Permit(Arc::clone(&self.0)))
    }
}

/// A permit, until it is dropped. Not tokio's own guard: that is marked for a lint of clippy's, which would
/// then speak of every session.
#[derive(Debug)]
pub(super) struct Permit(Arc<Semaphore>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}
