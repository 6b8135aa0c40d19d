//! What a pool reports about its connections.

use std::sync::Arc;
use std::time::Duration;

use crate::error::ConnectError;
use crate::observe::{ConnectionChange, Endpoint, Monitor, PoolKind};

/// One pool's reports.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    monitor: Arc<Monitor>,
    kind: PoolKind,
}

impl Reports {
    pub(super) fn new(monitor: Arc<Monitor>, kind: PoolKind) -> Self {
        Self { monitor, kind }
    }

    /// Reports that an attempt to connect has ended.
    pub(super) fn opened(&self, error: Option<&ConnectError>, took: Duration) {
        let change = match error {
            None => ConnectionChange::Opened,
            Some(error) => ConnectionChange::Failed(error.kind()),
        };
        self.monitor.connection(self.kind, change, took);
    }

    /// Reports the server that a connection has reached.
    pub(super) fn reached(&self, endpoint: impl FnOnce() -> Endpoint) {
        // Observers get the primary's endpoint; the replica has another one.
        if self.kind == PoolKind::Primary {
            self.monitor.reached(endpoint);
        }
    }

    /// Reports how long a session has used a connection.
    pub(super) fn used(&self, time: Duration) {
        self.monitor.used(self.kind, time);
    }

    /// Reports that the pool closes a connection that is too old, or idled too long.
    pub(super) fn recycled(&self) {
        self.tell(ConnectionChange::Recycled);
    }

    /// Reports that a connection is closed because it was not proven clean.
    pub(super) fn condemned(&self) {
        self.tell(ConnectionChange::Condemned);
    }

    /// Reports that the crate has reset what a session had changed.
    pub(super) fn reset(&self) {
        self.tell(ConnectionChange::Reset);
    }

    /// Reports that the crate has cancelled what a dropped session had left running.
    pub(super) fn cancelled(&self) {
        self.tell(ConnectionChange::Cancelled);
    }

    fn tell(&self, change: ConnectionChange) {
        self.monitor.connection(self.kind, change, Duration::ZERO);
    }
}
