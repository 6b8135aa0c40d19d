//! Opens connections for bb8.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bb8::ManageConnection;
use futures_util::FutureExt;
use tokio::time::timeout;

use super::connect_health::Health;
use super::credential_provider::CredentialProvider;
use super::open_permits::OpenPermits;
use super::pooled::Pooled;
use super::reports::Reports;
use crate::config::{CredentialSource, Settings};
use crate::driver::{Driver, DriverConnection, OpenPermit};
use crate::error::{ConnectError, ConnectErrorKind, Step};
use crate::panics::contained_async;

/// Opens connections, and knows which are too old to keep.
#[derive(Debug)]
pub(crate) struct Connector<D: Driver> {
    settings: Arc<Settings>,
    provider: Option<CredentialProvider>,
    health: Arc<Health>,
    /// The driver's anchor, which keeps an in-memory database as long as the factory lives.
    anchor: OnceLock<Arc<dyn Any + Send + Sync>>,
    permits: OpenPermits,
    reports: Reports,
    driver: std::marker::PhantomData<fn() -> D>,
}

impl<D: Driver> Connector<D> {
    pub(super) fn new(
        settings: Arc<Settings>,
        provider: Option<CredentialProvider>,
        health: Arc<Health>,
        permits: OpenPermits,
        reports: Reports,
    ) -> Self {
        Self {
            settings,
            provider,
            health,
            anchor: OnceLock::new(),
            permits,
            reports,
            driver: std::marker::PhantomData,
        }
    }

    /// Makes one attempt to connect. `connect_timeout` covers the call of the credential provider too.
    async fn attempt(&self, permit: Option<OpenPermit>) -> Result<D::Connection, ConnectError> {
        let limit = self.settings.connect_timeout;
        let started = Instant::now();
        let mut settings = Settings::clone(&self.settings);
        settings.permit = permit;
        if let Some(provider) = &self.provider {
            let asking = self.health.under_way(Step::Credentials);
            settings.credentials = Some(provider.ask(limit).await?);
            drop(asking);
            let provider = provider.clone();
            settings.credential_source = Some(CredentialSource::new(move |limit| {
                let provider = provider.clone();
                async move { provider.ask(limit).await }.boxed()
            }));
            settings.connect_timeout = limit.saturating_sub(started.elapsed());
        }
        let opening = timeout(settings.connect_timeout, D::connect(&settings));
        crate::runtime::within(opening)
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
        // If the server is full of the pool's own connections, it may accept this one once they are closed.
        let beside = self.permits.any_is_open();
        let counted = permit.clone().map(|permit| OpenPermit(permit));
        // Read before connecting, because the server may be demoted meanwhile.
        let generation = self.health.generation();
        let connection = {
            let _opening = self.health.under_way(Step::Opening);
            let started = Instant::now();
            let opened = self.attempt(counted).await;
            self.reports
                .opened(opened.as_ref().err(), started.elapsed());
            opened.inspect_err(|_| self.health.attempt_failed(beside))?
        };
        if let Some(permit) = permit {
            permit.set_opened();
        }
        if let Some(anchor) = connection.anchor() {
            let _kept_already = self.anchor.set(anchor);
        }
        self.reports
            .reached(|| D::endpoint(&self.settings, &connection));
        self.health.succeeded(connection.is_pooled());
        let now = Instant::now();
        let life = match D::connection_limit(&self.settings) {
            // The database exists only in this connection and would be lost with it, so it is never recycled.
            Some(_) => Duration::MAX,
            None => self.settings.pool_recycle,
        };
        let expires = crate::time::after(now, life);
        let (health, reports) = (&self.health, self.reports.clone());
        Ok(Pooled::new(
            connection, now, expires, generation, health, reports,
        ))
    }
}

impl<D: Driver> ManageConnection for Connector<D> {
    type Connection = Pooled<D>;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Pooled<D>, ConnectError> {
        // This creates and calls the application's instrumentation. If it panicked through bb8, the slot would be
        // lost without a report.
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
        // `Pooled::liveness` does the ping.
        Ok(())
    }

    fn has_broken(&self, slot: &mut Pooled<D>) -> bool {
        // bb8 calls this when a connection comes back.
        slot.is_broken_on_return()
    }
}
