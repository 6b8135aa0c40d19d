//! Shutdown: drain, roll back, close.

use std::time::Duration;

use tokio::time::timeout;

use super::core::Core;
use crate::driver::Driver;

/// After the limit: how long the shutdown waits for the killed connections to come back.
const LAST_CALL: Duration = Duration::from_secs(5);

/// The result of [`Factory::shutdown`](crate::Factory::shutdown).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sessions that did not end within the limit. On PostgreSQL the shutdown cancelled their statements and closed
    /// their connections, which rolls their work back. On SQLite, and in an external pool, they go on to their own
    /// end.
    pub rolled_back: usize,
    /// Of these, connections that have still not been given back.
    pub remaining: usize,
}

impl ShutdownReport {
    /// Every session ended by itself within the limit.
    pub fn is_clean(&self) -> bool {
        self.rolled_back == 0
    }
}

impl<D: Driver> Core<D> {
    pub(crate) async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.closed.cancel();
        self.detached.close();
        // Made inside: the caller's runtime may have no timers.
        let drained = crate::runtime::within(async {
            let empty = async {
                self.detached.wait().await;
                self.registry.empty().await;
            };
            timeout(limit, empty).await
        })
        .await;
        let mut report = ShutdownReport {
            rolled_back: 0,
            remaining: 0,
        };
        self.ended.cancel();
        if !matches!(drained, Ok(Ok(()))) {
            report.rolled_back = self.registry.kill_all();
            let last_call = async { timeout(LAST_CALL, self.registry.empty()).await };
            let _late = crate::runtime::within(last_call).await;
            report.remaining = self.registry.holders().len();
        }
        self.close_source();
        report
    }
}
