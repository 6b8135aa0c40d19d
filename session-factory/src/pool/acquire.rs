//! Acquires a connection, or returns the reason why the pool has none.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::core::{Core, Source};
use super::lease::Lease;
use super::permits::Permit;
use super::pooled::Liveness;
use super::queue::{Failure, Idle, take_idle_of};
use crate::call::{Origin, task_context};
use crate::driver::{Driver, DriverConnection};
use crate::error::{AcquireError, ConnectError, SessionError};
use crate::observe::Holders;

/// The limit of a wait for an external pool, whose own timeout usually ends the wait earlier.
const EXTERNAL_TIMEOUT: Duration = Duration::from_secs(60 * 60);

impl<D: Driver> Core<D> {
    /// Takes a connection. Waits at most `pool_timeout`, and no longer than `left`.
    ///
    /// Dropping the future is safe at every point: bb8 puts a connection into a guard before it awaits again, and a
    /// connection whose check was interrupted is closed.
    pub(crate) async fn acquire(
        &self,
        origin: &Origin,
        left: Option<Duration>,
    ) -> Result<Lease<D>, SessionError> {
        if self.closed.is_cancelled() && self.closed_here().is_cancelled() {
            return Err(SessionError::Closed);
        }
        if let Some(lease) = self.take_idle(origin) {
            self.lent(origin, Duration::ZERO, &lease, None);
            return Ok(lease);
        }
        // Boxed, because every caller's future contains it.
        Box::pin(self.wait(origin, left)).await
    }

    /// Returns the token that ends this task's wait. A detached call may open sessions while `shutdown` waits for it.
    pub(super) fn closed_here(&self) -> &CancellationToken {
        if task_context::is_detached(self.identity()) {
            &self.ended
        } else {
            &self.closed
        }
    }

    /// Takes an idle connection that needs no ping, without waiting and without a timer.
    fn take_idle(&self, origin: &Origin) -> Option<Lease<D>> {
        let Source::Own(pool) = self.source() else {
            return None;
        };
        // `None` if all permits are taken, or if earlier callers wait for one.
        let permit = self.permits.try_take()?;
        let mut slot = take_idle_of(&pool)?;
        let now = Instant::now();
        match slot.liveness(self.pre_ping(), now) {
            Liveness::Alive => {
                return Some(self.lend(slot, permit, origin, now, Duration::ZERO));
            }
            Liveness::Dead => {
                // Closing a connection may need a runtime.
                let _context = crate::runtime::enter();
                slot.retire();
                drop(slot);
            }
            Liveness::Unknown => {}
        }
        None
    }

    pub(super) fn pre_ping(&self) -> bool {
        self.settings
            .as_ref()
            .is_some_and(|settings| settings.pool_pre_ping)
    }

    pub(super) fn lend(
        &self,
        slot: Idle<D>,
        permit: Permit,
        origin: &Origin,
        now: Instant,
        waited: Duration,
    ) -> Lease<D> {
        let kill = slot.connection.kill();
        let ticket = self.registry.enter(*origin, now, waited, kill);
        Lease::pooled(slot, permit, ticket, self.marks.clone())
    }

    /// Reports a connection that the pool has lent.
    fn lent(&self, origin: &Origin, waited: Duration, lease: &Lease<D>, holders: Option<&Holders>) {
        self.monitor
            .acquired(origin, waited, lease.is_new(), self.kind, holders);
    }

    async fn wait(
        &self,
        origin: &Origin,
        left: Option<Duration>,
    ) -> Result<Lease<D>, SessionError> {
        let started = Instant::now();
        let holders = self.monitor.slow_acquire();
        let holders = holders.map(|_| self.registry.seen(started));
        let _waiting = self.registry.wait();
        let limit = self
            .settings
            .as_ref()
            .map_or(EXTERNAL_TIMEOUT, |settings| settings.pool_timeout);
        let limit = left.map_or(limit, |left| limit.min(left));
        let error = match self.queue(origin, started, limit).await {
            Ok(lease) => {
                let waited = lease.lent().map_or(Duration::ZERO, |(_, waited)| waited);
                self.lent(origin, waited, &lease, holders.as_ref());
                return Ok(lease);
            }
            Err(Failure::Closed) => return Err(SessionError::Closed),
            Err(Failure::Connect(error)) => self.acquire_error(started.elapsed(), Some(error)),
            Err(Failure::TimedOut) => self.acquire_error(started.elapsed(), None),
        };
        self.monitor
            .not_acquired(self.kind, error.waited, error.at_once);
        Err(SessionError::Acquire(Box::new(error)))
    }

    /// Waits for `time`, as if no connection were free.
    ///
    /// # Errors
    /// The error of a wait that reaches its limit.
    #[cfg(feature = "testing")]
    pub(crate) async fn wait_in_vain(
        &self,
        time: Duration,
        left: Option<Duration>,
    ) -> Result<(), SessionError> {
        let limit = self
            .settings
            .as_ref()
            .map_or(EXTERNAL_TIMEOUT, |settings| settings.pool_timeout);
        let limit = left.map_or(limit, |left| limit.min(left));
        let waiting = self.registry.wait();
        let pause = async { tokio::time::sleep(time.min(limit)).await };
        let _no_runtime = crate::runtime::within(pause).await;
        drop(waiting);
        if time < limit {
            return Ok(());
        }
        Err(SessionError::Acquire(Box::new(
            self.acquire_error(limit, None),
        )))
    }

    pub(crate) fn cannot_connect(&self, error: ConnectError) -> SessionError {
        SessionError::Acquire(Box::new(self.acquire_error(Duration::ZERO, Some(error))))
    }

    fn acquire_error(&self, waited: Duration, at_once: Option<ConnectError>) -> AcquireError {
        let status = self.status();
        AcquireError {
            factory: self.name,
            key: self.url_key,
            waited,
            limit: status.limit,
            open: status.open,
            waiting: status.waiting,
            holders: self.registry.holders(),
            at_once: at_once.is_some(),
            step: self.health.steps.current(),
            connect: at_once.or_else(|| self.health.last_error()),
        }
    }
}
