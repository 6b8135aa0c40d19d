//! A pooled connection, its age, and the decision whether the pool may keep it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::connect_health::Health;
use super::registry::Ticket;
use super::reports::Reports;
use crate::driver::{Driver, DriverConnection};
use crate::error::Step;
use crate::observe::figures;
use crate::panics::{Contained, contained_async};

/// A connection that has idled for less than this is lent without a ping (HikariCP's threshold).
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// The time limit of a ping; a slower connection counts as dead.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// A pooled connection and its age.
pub(crate) struct Pooled<D: Driver> {
    /// Boxed, because the value moves many times between the pool and a session.
    pub(crate) connection: Contained<Box<D::Connection>>,
    expires: Instant,
    idle_since: Instant,
    standing: Standing,
    /// True once the connection has served a session. However short `pool_recycle` is, each
    /// connection serves at least one session.
    has_served: bool,
    generation: u64,
    health: Arc<Health>,
    reports: Reports,
}

/// Whether a connection may stay in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Clean,
    /// Clean and returning: the pool keeps it, even if it expires meanwhile.
    Stays,
    /// In use by a session or by a ping. A late answer would reach the next borrower, so on return the pool closes
    /// the connection, unless it was proven clean first.
    Unproven,
    Retired,
}

/// Whether the pool can lend a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    Alive,
    Dead,
    /// It has idled, so a firewall may have dropped its state.
    Unknown,
}

impl<D: Driver> Pooled<D> {
    /// Wraps a connection that was just opened.
    pub(super) fn new(
        connection: D::Connection,
        now: Instant,
        expires: Instant,
        generation: u64,
        health: &Arc<Health>,
        reports: Reports,
    ) -> Self {
        Self {
            connection: Contained::new(Box::new(connection)),
            expires,
            idle_since: now,
            standing: Standing::Clean,
            has_served: false,
            generation,
            health: Arc::clone(health),
            reports,
        }
    }

    /// Returns the connection's liveness as far as the pool knows it without a ping.
    pub(super) fn liveness(&self, pre_ping: bool, now: Instant) -> Liveness {
        if self.is_broken_at(now) {
            Liveness::Dead
        } else if pre_ping && now.saturating_duration_since(self.idle_since) >= TRUSTED_FOR {
            Liveness::Unknown
        } else {
            Liveness::Alive
        }
    }

    /// Pings the server, and returns true if it answers.
    pub(super) async fn answers(&mut self) -> bool {
        self.standing = Standing::Unproven;
        // The application's instrumentation sees the ping, and may panic.
        let _checking = self.health.under_way(Step::Checking);
        let ping = contained_async(self.connection.ping());
        let Ok(Some(Ok(()))) = timeout(PING_LIMIT, ping).await else {
            return false;
        };
        self.standing = Standing::Clean;
        true
    }

    fn is_broken_at(&self, now: Instant) -> bool {
        self.standing != Standing::Clean
            || self.is_of_the_past()
            || self.connection.is_closed()
            || self.has_served && now >= self.expires
    }

    /// True if a returning connection is unusable. False if [`came_back`](Self::came_back) returned true, because the
    /// lease then relies on the connection's staying in the pool.
    pub(super) fn is_broken_on_return(&mut self) -> bool {
        if self.standing == Standing::Stays {
            self.standing = Standing::Clean;
            return false;
        }
        self.is_broken_at(self.idle_since)
    }

    pub(super) fn is_expired(&self) -> bool {
        Instant::now() >= self.expires
    }

    /// True if a server was demoted after this connection was opened: the connection may lead to that server.
    pub(super) fn is_of_the_past(&self) -> bool {
        self.generation < self.health.generation()
    }

    /// Records that the server was demoted.
    pub(super) fn demoted(&mut self) {
        self.retire();
        self.health.demoted(self.generation);
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Reports that a session gives the connection back.
    pub(super) fn used(&self, ticket: &Ticket) {
        if figures::is_recorded()
            && let Some((since, _)) = ticket.lent()
        {
            self.reports.used(since.elapsed());
        }
    }

    pub(super) fn was_reset(&self) {
        self.reports.reset();
    }

    pub(super) fn was_cancelled(&self) {
        self.reports.cancelled();
    }

    /// True if no session has used the connection.
    pub(super) fn is_new(&self) -> bool {
        !self.has_served
    }

    /// Makes the pool close the connection when it returns.
    pub(super) fn retire(&mut self) {
        self.standing = Standing::Retired;
    }

    /// Records that a session borrows the connection. Until [`came_back`](Self::came_back), the
    /// pool does not lend it to another session.
    pub(super) fn lent(&mut self) {
        self.standing = Standing::Unproven;
    }

    /// Records that the connection is proven clean. Returns true if it stays in the pool.
    pub(super) fn came_back(&mut self) -> bool {
        if self.standing == Standing::Unproven {
            self.standing = Standing::Clean;
        }
        self.has_served = true;
        self.idle_since = Instant::now();
        let stays = !self.is_broken_at(self.idle_since);
        if stays {
            self.standing = Standing::Stays;
        }
        stays
    }
}

impl<D: Driver> Drop for Pooled<D> {
    fn drop(&mut self) {
        match self.standing {
            Standing::Unproven => self.reports.condemned(),
            // The pool would have kept this connection, and closes it only with itself: nothing to report.
            Standing::Clean | Standing::Stays if !self.is_of_the_past() && !self.is_expired() => {}
            _ => self.reports.recycled(),
        }
        // Dropping the connection needs a runtime, for two reasons: a client may spawn a task to say goodbye, and a
        // pool's last lease closes the idle connections on any thread.
        let _context = crate::runtime::enter();
        self.connection.end();
    }
}
