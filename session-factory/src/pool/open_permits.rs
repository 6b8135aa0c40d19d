//! How many connections are open on the server: each has a permit, from the attempt to open it until the server has
//! closed it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect_health::Health;
use crate::error::Step;

/// As many as the pool may have connections. bb8 opens another one as soon as a connection is dropped, and the server
/// counts that until its session is gone.
#[derive(Debug, Clone)]
pub(super) struct OpenPermits(Arc<Semaphore>);

impl OpenPermits {
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))))
    }

    /// Waits until the server has closed one, where all are open. None, which never happens, is as good as one.
    pub(super) async fn take(&self, health: &Arc<Health>) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() {
            return Some(permit);
        }
        let _waits = health.under_way(Step::Closing);
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
