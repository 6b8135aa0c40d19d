//! What the last attempts to connect came to.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::error::ConnectError;

/// Told by the manager, asked by those who wait.
#[derive(Debug)]
pub(super) struct Health {
    last: Mutex<Option<ConnectError>>,
    failures: watch::Sender<u64>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            last: Mutex::default(),
            failures: watch::Sender::new(0),
        }
    }
}

impl Health {
    pub(super) fn succeeded(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn failed(&self, error: ConnectError) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.failures.send_modify(|count| *count += 1);
    }

    /// The error of the last attempt, if it failed.
    pub(super) fn last_error(&self) -> Option<ConnectError> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sees every failure from now on.
    pub(super) fn failures(&self) -> watch::Receiver<u64> {
        self.failures.subscribe()
    }
}
