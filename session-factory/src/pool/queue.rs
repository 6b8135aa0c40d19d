//! The wait for a connection: in order of arrival, and cheap for each waiting caller.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use bb8::{Pool, PooledConnection, RunError};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connector::Connector;
use super::core::{Core, Source};
use super::lease::Lease;
use super::permits::Permit;
use super::pooled::Liveness;
use crate::call::Origin;
use crate::driver::{Driver, ExternalError};
use crate::error::ConnectError;

/// While other connections are in use, the pool repeats a failed attempt to connect after this
/// pause.
const TRY_AGAIN: Duration = Duration::from_millis(200);
/// How often a caller that waits for a new connection checks for an idle one.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A connection taken from the pool and not checked yet.
pub(super) type Idle<D> = PooledConnection<'static, Connector<D>>;

/// How a wait ended without a connection.
pub(super) enum Failure {
    Connect(ConnectError),
    TimedOut,
    Closed,
}

impl<D: Driver> Core<D> {
    /// Waits for the caller's turn, in order of arrival, and then takes a connection.
    ///
    /// Thousands of callers may wait here, so each stores little: its position in the queue, a timer, and a listener
    /// for the factory's end. A caller creates everything else when its turn comes.
    pub(super) async fn queue(
        &self,
        origin: &Origin,
        started: Instant,
        limit: Duration,
    ) -> Result<Lease<D>, Failure> {
        let Source::Own(pool) = self.source() else {
            return Box::pin(self.within(limit, self.take_other(origin, started))).await;
        };
        let given_up = self.health.given_up();
        let closed = self.closed_here();
        let late = {
            let _context = crate::runtime::handle().map_err(Failure::Connect)?.enter();
            sleep(limit)
        };
        let permit = tokio::select! {
            biased;
            permit = self.permits.take() => permit.ok_or(Failure::Closed)?,
            () = closed.cancelled() => return Err(Failure::Closed),
            () = late => return Err(Failure::TimedOut),
        };
        if closed.is_cancelled() {
            return Err(Failure::Closed);
        }
        let now = Instant::now();
        let idle = take_idle_of(&pool);
        let idle = match idle {
            Some(slot) if slot.liveness(self.pre_ping(), now) == Liveness::Alive => {
                let waited = now.saturating_duration_since(started);
                return Ok(self.lend(slot, permit, origin, now, waited));
            }
            other => other,
        };
        // An earlier caller may have found that no connection can be opened, and given its permit
        // up. Later callers would find the same, so they fail too.
        if idle.is_none() && given_up != self.health.given_up() {
            self.failing(&pool)?;
        }
        let left = limit.saturating_sub(started.elapsed());
        let taken = self.within(left, self.take_own(&pool, permit, idle, origin, started));
        Box::pin(taken).await
    }

    /// Ends a wait at its limit or at the factory's end.
    async fn within<T>(
        &self,
        limit: Duration,
        taking: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let closed = self.closed_here();
        let ended = crate::runtime::within(async {
            tokio::select! {
                biased;
                () = closed.cancelled() => Err(Failure::Closed),
                taken = timeout(limit, taking) => taken.unwrap_or(Err(Failure::TimedOut)),
            }
        });
        ended
            .await
            .unwrap_or_else(|no_runtime| Err(Failure::Connect(no_runtime)))
    }

    /// Takes a connection from an external pool, or returns the error for a factory without a source.
    async fn take_other(&self, origin: &Origin, started: Instant) -> Result<Lease<D>, Failure> {
        match self.source() {
            Source::External(pool) => match D::borrow_external(&pool).await {
                Ok(connection) => {
                    let now = Instant::now();
                    let waited = now.saturating_duration_since(started);
                    let ticket = self.registry.enter(*origin, now, waited, None);
                    Ok(Lease::external(connection, ticket))
                }
                Err(ExternalError::TimedOut) => Err(Failure::TimedOut),
                Err(ExternalError::Connect(error)) => Err(Failure::Connect(error)),
            },
            Source::None(error) => Err(Failure::Connect(error)),
            Source::Own(_) | Source::Closed => Err(Failure::Closed),
        }
    }

    /// Waits for a new connection, or pings one that has idled.
    async fn take_own(
        &self,
        pool: &Pool<Connector<D>>,
        permit: Permit,
        mut idle: Option<Idle<D>>,
        origin: &Origin,
        started: Instant,
    ) -> Result<Lease<D>, Failure> {
        loop {
            if let Some(mut slot) = idle.take() {
                let usable = match slot.liveness(self.pre_ping(), Instant::now()) {
                    Liveness::Alive => true,
                    Liveness::Dead => false,
                    Liveness::Unknown => slot.answers().await,
                };
                if usable {
                    let now = Instant::now();
                    let waited = now.saturating_duration_since(started);
                    return Ok(self.lend(slot, permit, origin, now, waited));
                }
                slot.retire();
            }
            let mut failures = self.health.failures();
            tokio::select! {
                biased;
                slot = pool.get_owned() => match slot {
                    Ok(slot) => idle = Some(slot),
                    Err(RunError::User(error)) => return Err(Failure::Connect(error)),
                    Err(RunError::TimedOut) => return Err(Failure::TimedOut),
                },
                _ = failures.changed() => {
                    if self.goes_on(pool)? {
                        self.pause(pool, &mut failures).await?;
                    }
                }
                // bb8 may wake only one waiter when two connections come back at once, so this caller looks again.
                () = sleep(LOOK_AGAIN) => idle = take_idle_of(pool),
            }
        }
    }

    /// Waits before another attempt to connect. Ends early with an error that no further attempt can heal.
    async fn pause(
        &self,
        pool: &Pool<Connector<D>>,
        failures: &mut watch::Receiver<u64>,
    ) -> Result<(), Failure> {
        let mut over = pin!(sleep(TRY_AGAIN));
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                _ = failures.changed() => {
                    self.goes_on(pool)?;
                }
            }
        }
    }

    /// Like [`failing`](Self::failing), for the caller whose turn it is: an error
    /// makes the callers after it fail too.
    fn goes_on(&self, pool: &Pool<Connector<D>>) -> Result<bool, Failure> {
        let failing = self.failing(pool);
        if failing.is_err() {
            self.health.give_up();
        }
        failing
    }

    /// Returns true if the last attempt to connect failed, and an error if waiting is useless. Waiting may
    /// help if that attempt began while the pool had another connection to the server: the server may
    /// accept a connection once the other one is closed.
    fn failing(&self, pool: &Pool<Connector<D>>) -> Result<bool, Failure> {
        let Some(error) = self.health.last_error() else {
            return Ok(false);
        };
        let none_is_left = pool.state().connections == 0 && !self.health.had_company();
        if error.ends_the_wait() || none_is_left {
            return Err(Failure::Connect(error));
        }
        Ok(true)
    }
}

/// Takes an idle connection, if the pool has one.
pub(super) fn take_idle_of<D: Driver>(pool: &Pool<Connector<D>>) -> Option<Idle<D>> {
    let _context = crate::runtime::enter();
    if pool.state().idle_connections == 0 {
        return None;
    }
    pool.get_owned().now_or_never()?.ok()
}
