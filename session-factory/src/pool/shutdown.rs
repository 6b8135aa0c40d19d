//! Shutdown: drain, roll back, close.

use std::time::Duration;

use tokio::time::timeout;

use super::core::Core;
use crate::driver::Driver;

/// How long the shutdown waits for killed connections to return, after its limit.
const LAST_CALL: Duration = Duration::from_secs(5);

/// The result of [`Factory::shutdown`](crate::Factory::shutdown).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sessions that did not end within the limit. On PostgreSQL, the shutdown cancelled their
    /// statements and closed their connections, which rolls their work back. On SQLite, and with an
    /// external pool, they run to their own end.
    pub rolled_back: usize,
    /// Of these, the sessions whose connections have not returned yet.
    pub remaining: usize,
}

impl ShutdownReport {
    /// True if every session ended by itself within the limit.
    pub fn is_clean(&self) -> bool {
        self.rolled_back == 0
    }
}

impl<D: Driver> Core<D> {
    pub(crate) async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.closed.cancel();
        self.detached.close();
        // The timeout is created inside the background runtime, because the caller's runtime may have no timers.
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
