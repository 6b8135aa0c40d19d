//! A connection in the pool, its age, and whether it may stay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::connect_health::Health;
use crate::driver::Driver;
use crate::error::Step;
use crate::panics::{Contained, contained_async};

/// A connection that idled for less is not asked whether it lives (HikariCP's threshold).
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// A ping that takes longer is as good as none.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// A pooled connection and its age.
pub(crate) struct Pooled<D: Driver> {
    /// Boxed: a slot is moved many times on its way to a session and back.
    pub(crate) link: Contained<Box<D::Link>>,
    expires: Instant,
    idle_since: Instant,
    standing: Standing,
    /// However short its life is, it serves one session.
    has_served: bool,
    generation: u64,
    health: Arc<Health>,
}

/// Whether a connection may stay in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Clean,
    /// Clean, and on its way back: it stays in the pool, whatever becomes known about it meanwhile.
    Stays,
    /// A session has it, or a check is under way whose answer would meet the next borrower. Until somebody has proven
    /// that it is clean, it is closed when it comes back.
    Unproven,
    Retired,
}

/// Whether a connection can be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Liveness {
    Alive,
    Dead,
    /// It idled: a firewall may have forgotten it.
    Unknown,
}

impl<D: Driver> Pooled<D> {
    /// A connection that was just opened.
    pub(super) fn new(
        link: D::Link,
        now: Instant,
        expires: Instant,
        generation: u64,
        health: &Arc<Health>,
    ) -> Self {
        Self {
            link: Contained::new(Box::new(link)),
            expires,
            idle_since: now,
            standing: Standing::Clean,
            has_served: false,
            generation,
            health: Arc::clone(health),
        }
    }

    /// What is known without asking the server.
    pub(super) fn liveness(&self, pre_ping: bool, now: Instant) -> Liveness {
        if self.is_broken_at(now) {
            Liveness::Dead
        } else if pre_ping && now.saturating_duration_since(self.idle_since) >= TRUSTED_FOR {
            Liveness::Unknown
        } else {
            Liveness::Alive
        }
    }

    /// Asks the server.
    pub(super) async fn answers(&mut self) -> bool {
        self.standing = Standing::Unproven;
        // An instrumentation of the application's sees the question, and may panic.
        let _checking = self.health.under_way(Step::Checking);
        let ping = contained_async(D::ping(&mut self.link));
        let Ok(Some(Ok(()))) = timeout(PING_LIMIT, ping).await else {
            return false;
        };
        self.standing = Standing::Clean;
        true
    }

    fn is_broken_at(&self, now: Instant) -> bool {
        self.standing != Standing::Clean
            || self.is_of_the_past()
            || D::is_closed(&self.link)
            || self.has_served && now >= self.expires
    }

    /// The same for one that was just given back. Where [`came_back`](Self::came_back) has decided that it stays, it
    /// does: the lease relies on that answer.
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

    /// A server was demoted since this connection was opened: it may be that one.
    pub(super) fn is_of_the_past(&self) -> bool {
        self.generation < self.health.generation()
    }

    /// The server takes no writes any more.
    pub(super) fn demoted(&mut self) {
        self.retire();
        self.health.demoted(self.generation);
    }

    pub(super) fn idle_for(&self) -> Duration {
        self.idle_since.elapsed()
    }

    /// Closes the connection when it is given back.
    pub(super) fn retire(&mut self) {
        self.standing = Standing::Retired;
    }

    /// A session has it: until [`came_back`](Self::came_back) it is not for another one.
    pub(super) fn lent(&mut self) {
        self.standing = Standing::Unproven;
    }

    /// It is proven clean. True: it stays in the pool.
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
        // A client may spawn its goodbye, and the last lease of a pool closes those that idle, wherever it is dropped.
        let _context = crate::runtime::enter();
        self.link.end();
    }
}
