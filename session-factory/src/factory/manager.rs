//! What bb8 asks for: connections.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bb8::ManageConnection;
use tokio::time::timeout;

use super::credentials::Provider;
use super::health::Health;
use super::permits::Permits;
use crate::config::Settings;
use crate::driver::{Driver, OpenPermit};
use crate::error::{ConnectError, ConnectErrorKind, Step};
use crate::panics::{Contained, contained_async};

/// A connection that idled for less is not asked whether it lives (HikariCP's threshold).
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// A ping that takes longer is as good as none.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// Opens connections, and knows which are too old to go on.
#[derive(Debug)]
pub(crate) struct Manager<D: Driver> {
    settings: Arc<Settings>,
    provider: Option<Provider>,
    health: Arc<Health>,
    /// As long as the factory.
    anchor: OnceLock<Arc<dyn Any + Send + Sync>>,
    permits: Permits,
    driver: std::marker::PhantomData<fn() -> D>,
}

impl<D: Driver> Manager<D> {
    pub(super) fn new(
        settings: Arc<Settings>,
        provider: Option<Provider>,
        health: Arc<Health>,
        permits: Permits,
    ) -> Self {
        Self {
            settings,
            provider,
            health,
            anchor: OnceLock::new(),
            permits,
            driver: std::marker::PhantomData,
        }
    }

    /// One attempt, with credentials that are asked for in its time.
    async fn attempt(&self, permit: Option<OpenPermit>) -> Result<D::Link, ConnectError> {
        let limit = self.settings.connect_timeout;
        let started = Instant::now();
        let mut settings = Settings::clone(&self.settings);
        settings.permit = permit;
        if let Some(provider) = &self.provider {
            settings.credentials = Some(provider.ask(limit).await?);
            settings.connect_timeout = limit.saturating_sub(started.elapsed());
        }
        let opening = timeout(settings.connect_timeout, D::connect(&settings));
        crate::runtime::connecting(opening)
            .await?
            .unwrap_or_else(|_late| {
                Err(ConnectError::new(
                    ConnectErrorKind::TimedOut,
                    format!("{} did not answer within {limit:?}", D::NAME),
                ))
            })
    }

    async fn open(&self) -> Result<Slot<D>, ConnectError> {
        let permit = self.permits.take(&self.health).await;
        let permit = permit.map(|permit| OpenPermit(Arc::new(permit)));
        // Before: the server may be demoted while we connect to it.
        let generation = self.health.generation();
        let link = {
            let _opening = self.health.under_way(Step::Opening);
            self.attempt(permit).await?
        };
        if let Some(anchor) = D::anchor(&link) {
            let _kept_already = self.anchor.set(anchor);
        }
        self.health.succeeded(D::is_pooled(&link));
        let now = Instant::now();
        let life = match D::connection_limit(&self.settings) {
            // A database that lives in its connection does not grow old.
            Some(_) => Duration::MAX,
            None => self.settings.pool_recycle,
        };
        Ok(Slot {
            link: Contained::new(Box::new(link)),
            expires: crate::time::after(now, life),
            idle_since: now,
            standing: Standing::Clean,
            has_served: false,
            generation,
            health: Arc::clone(&self.health),
        })
    }
}

/// A pooled connection and its age.
pub(crate) struct Slot<D: Driver> {
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

impl<D: Driver> Slot<D> {
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

    /// It is proven clean.
    pub(super) fn came_back(&mut self) {
        if self.standing == Standing::Unproven {
            self.standing = Standing::Clean;
        }
        self.has_served = true;
        self.idle_since = Instant::now();
    }
}

impl<D: Driver> ManageConnection for Manager<D> {
    type Connection = Slot<D>;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Slot<D>, ConnectError> {
        // An instrumentation of the application's is made and called here. bb8 would lose the slot to its panic, and
        // tell nobody.
        let opened = contained_async(self.open()).await;
        opened.unwrap_or_else(|| {
            Err(ConnectError::new(
                ConnectErrorKind::Other,
                "the application's code that runs when a connection is opened has panicked: the constructor given to \
                 set_default_instrumentation, or the instrumentation that it makes",
            ))
        })
    }

    async fn is_valid(&self, _slot: &mut Slot<D>) -> Result<(), ConnectError> {
        // Not asked: see `Slot::liveness`.
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot<D>) -> bool {
        // It was just given back.
        slot.is_broken_at(slot.idle_since)
    }
}
