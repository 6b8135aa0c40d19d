//! Limits the connections on the server. Each connection holds a permit, from the attempt to open
//! it until the server has closed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect_health::Health;
use crate::error::Step;

/// One permit for each connection that the pool may have. bb8 opens another connection as soon as one is dropped, but
/// the server still counts the dropped one until its backend has ended.
#[derive(Debug, Clone)]
pub(super) struct OpenPermits {
    permits: Arc<Semaphore>,
    /// The number of permits whose connections were opened.
    opened: Arc<AtomicU32>,
}

/// One connection's permit.
#[derive(Debug)]
pub(super) struct Permit {
    _place: OwnedSemaphorePermit,
    is_opened: AtomicBool,
    opened: Arc<AtomicU32>,
}

impl OpenPermits {
    pub(super) fn new(most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            permits: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            opened: Arc::default(),
        }
    }

    /// Waits, if all permits are taken, until the server has closed a connection. Never returns `None`, because the
    /// semaphore is never closed; on `None`, callers would go on without a permit.
    pub(super) async fn take(&self, health: &Arc<Health>) -> Option<Arc<Permit>> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_all_are_taken) => {
                let _waits = health.under_way(Step::Closing);
                Arc::clone(&self.permits).acquire_owned().await.ok()?
            }
        };
        Some(Arc::new(Permit {
            _place: permit,
            is_opened: AtomicBool::new(false),
            opened: Arc::clone(&self.opened),
        }))
    }

    /// True if the server has a connection of the pool: an open one, or one that it has not closed
    /// yet.
    pub(super) fn any_is_open(&self) -> bool {
        self.opened.load(Ordering::SeqCst) > 0
    }
}

impl Permit {
    /// Records that the attempt with this permit has succeeded.
    pub(super) fn set_opened(&self) {
        if !self.is_opened.swap(true, Ordering::SeqCst) {
            self.opened.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if *self.is_opened.get_mut() {
            self.opened.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
