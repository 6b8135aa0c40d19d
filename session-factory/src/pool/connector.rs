//! What bb8 asks for: connections.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bb8::ManageConnection;
use tokio::time::timeout;

use super::connect_health::Health;
use super::credential_provider::CredentialProvider;
use super::open_permits::OpenPermits;
use super::pooled::Pooled;
use crate::config::Settings;
use crate::driver::{Driver, OpenPermit};
use crate::error::{ConnectError, ConnectErrorKind, Step};
use crate::panics::contained_async;

/// Opens connections, and knows which are too old to go on.
#[derive(Debug)]
pub(crate) struct Connector<D: Driver> {
    settings: Arc<Settings>,
    provider: Option<CredentialProvider>,
    health: Arc<Health>,
    /// As long as the factory.
    anchor: OnceLock<Arc<dyn Any + Send + Sync>>,
    permits: OpenPermits,
    driver: std::marker::PhantomData<fn() -> D>,
}

impl<D: Driver> Connector<D> {
    pub(super) fn new(
        settings: Arc<Settings>,
        provider: Option<CredentialProvider>,
        health: Arc<Health>,
        permits: OpenPermits,
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
                    format!(
                        "{} did not answer within {}",
                        D::NAME,
                        crate::time::text(limit)
                    ),
                ))
            })
    }

    async fn open(&self) -> Result<Pooled<D>, ConnectError> {
        let permit = self.permits.take(&self.health).await;
        // What the server refuses while it has one of the pool's, it may grant once that one is closed.
        let beside = self.permits.any_is_open();
        let counted = permit.clone().map(|permit| OpenPermit(permit));
        // Before: the server may be demoted while we connect to it.
        let generation = self.health.generation();
        let link = {
            let _opening = self.health.under_way(Step::Opening);
            let opened = self.attempt(counted).await;
            opened.inspect_err(|_| self.health.attempt_failed(beside))?
        };
        if let Some(permit) = permit {
            permit.set_opened();
        }
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
        let expires = crate::time::after(now, life);
        Ok(Pooled::new(link, now, expires, generation, &self.health))
    }
}

impl<D: Driver> ManageConnection for Connector<D> {
    type Connection = Pooled<D>;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Pooled<D>, ConnectError> {
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

    async fn is_valid(&self, _slot: &mut Pooled<D>) -> Result<(), ConnectError> {
        // Not asked: see `Pooled::liveness`.
        Ok(())
    }

    fn has_broken(&self, slot: &mut Pooled<D>) -> bool {
        // It was just given back.
        slot.is_broken_on_return()
    }
}
