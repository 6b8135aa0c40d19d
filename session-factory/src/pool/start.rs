//! Creates a pool, and starts its reaper.

use std::sync::Arc;
use std::time::Duration;

use bb8::{Pool, QueueStrategy};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect_health::{Failures, Health};
use super::connector::Connector;
use super::core::{Core, Source};
use super::credential_provider::CredentialProvider;
use super::open_permits::OpenPermits;
use super::permits::Permits;
use super::registry::Registry;
use super::replica::commit_marks::CommitMarks;
use super::reports::Reports;
use super::{leaks, reaper, size};
use crate::config::Settings;
use crate::driver::Driver;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::observe::{Monitor, PoolKind};
use crate::sync::Mutex;

/// bb8 must not end a wait, because its error would not say why. The factory's own time limit ends it.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60 * 24 * 365);

impl<D: Driver> Core<D> {
    /// Makes the factory's own pool. It connects on first use.
    pub(crate) fn own(
        name: &'static str,
        url_key: &'static str,
        settings: Settings,
        provider: Option<CredentialProvider>,
        marks: Option<Arc<CommitMarks>>,
        monitor: Arc<Monitor>,
        kind: PoolKind,
    ) -> Arc<Self> {
        if let Some(refusal) = settings.refusal() {
            let error = ConnectError::new(ConnectErrorKind::Other, refusal);
            return Self::broken(name, url_key, error);
        }
        let settings = Arc::new(settings);
        let health = Arc::new(Health::default());
        let (kept, most) = size::of::<D>(&settings);
        let pool = Pool::builder()
            .max_size(most)
            .min_idle(None)
            // The connector and the reaper handle ages and idle times: bb8 cannot keep `pool_size` connections and
            // close only those above, and bb8's reaper would need a runtime at this point.
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(FAR_AWAY)
            .retry_connection(false)
            // The pool checks liveness itself, at no cost on a busy connection.
            .test_on_check_out(false)
            // The connections used last have the warmest caches, and the others can be closed for
            // idling.
            .queue_strategy(QueueStrategy::Lifo)
            .error_sink(Box::new(Failures(Arc::clone(&health))))
            .build_unchecked(Connector::new(
                Arc::clone(&settings),
                provider,
                Arc::clone(&health),
                OpenPermits::new(most),
                Reports::new(Arc::clone(&monitor), kind),
            ));
        let core = Self {
            name,
            url_key,
            marks,
            registry: Arc::new(Registry::default()),
            health,
            closed: CancellationToken::new(),
            ended: CancellationToken::new(),
            detached: TaskTracker::new(),
            permits: Permits::new(most),
            source: Mutex::new(Source::Own(pool)),
            settings: Some(Arc::clone(&settings)),
            monitor,
            kind,
        };
        let core = Arc::new(core);
        reaper::watch(&core, kept, &settings);
        leaks::watch(&core);
        #[cfg(feature = "metrics")]
        super::figures::watch(&core);
        core
    }
}
