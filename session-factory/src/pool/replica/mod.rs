//! The replica: a second pool for read-only sessions, which use the primary while the replica is
//! unusable.

pub(crate) mod commit_marks;
mod token;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, Weak};
use std::time::Duration;

use tokio::time::sleep;

use self::commit_marks::{CommitMarks, Mark};
pub use self::token::{CommitToken, CommitTokenError};
use super::core::Core;
use super::lease::Lease;
use super::status::ReplicaStatus;

use crate::call::{LogPosition, Origin, ReplicaPolicy, SessionOptions};
use crate::driver::{Driver, DriverConnection};
use crate::error::{ConnectError, SessionError, StatementError};
use crate::observe;
use crate::panics::contained_async;
use crate::sync::Mutex;

/// The longest wait for a connection to the replica. It is short, because the session can use the primary instead.
const CONNECTION: Duration = Duration::from_secs(1);
/// The longest wait until the replica has replayed this factory's commits.
const LAG: Duration = Duration::from_millis(100);
/// An unusable replica is tried again after this time, then after twice as long, …
const FIRST_TRY: Duration = Duration::from_millis(100);
/// … up to this time.
const LATER_TRIES: Duration = Duration::from_secs(5);

/// A pool of connections to the replica, and the replica's state.
pub(crate) struct Replica<D: Driver> {
    pub(crate) core: Arc<Core<D>>,
    marks: Arc<CommitMarks>,
    trouble: Mutex<Option<Trouble>>,
    reads: AtomicU64,
    fallbacks: AtomicU64,
}

/// Why sessions do not use the replica at the moment. A task tries the replica until it is usable
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// No connection, or no answer.
    Dead,
    /// It answers, but has not replayed this factory's commits.
    Behind,
}

impl<D: Driver> Replica<D> {
    pub(crate) fn new(core: Arc<Core<D>>, marks: Arc<CommitMarks>) -> Self {
        Self {
            core,
            marks,
            trouble: Mutex::default(),
            reads: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
        }
    }

    pub(crate) fn status(&self) -> ReplicaStatus {
        let status = self.core.status();
        ReplicaStatus {
            open: status.open,
            idle: status.idle,
            in_use: status.in_use,
            usable: self.trouble().is_none(),
            reads: self.reads.load(Ordering::Relaxed),
            fallbacks: self.fallbacks.load(Ordering::Relaxed),
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock()
    }

    /// Returns a connection to the replica for this session; `None` if the session has to use the primary.
    ///
    /// Dropping the future returns the connection to the pool, or closes it if a query is unanswered.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        origin: &Origin,
        options: &SessionOptions,
        after: Option<LogPosition>,
        left: Option<Duration>,
    ) -> Option<Lease<D>> {
        if !options.may_read_replica() {
            return None;
        }
        let lease = self.try_acquire(origin, options, after, left).await;
        let count = if lease.is_some() {
            &self.reads
        } else {
            &self.fallbacks
        };
        count.fetch_add(1, Ordering::Relaxed);
        lease
    }

    async fn try_acquire(
        self: &Arc<Self>,
        origin: &Origin,
        options: &SessionOptions,
        after: Option<LogPosition>,
        left: Option<Duration>,
    ) -> Option<Lease<D>> {
        let any = options.replica == ReplicaPolicy::Any;
        let own = match self.marks.mark() {
            _ if any => None,
            Mark::Nothing => None,
            Mark::At(position) => Some(position),
            Mark::Unknown => return None,
        };
        match *self.trouble() {
            Some(Trouble::Behind) if any => {}
            Some(_) => return None,
            None => {}
        }
        let within = |limit: Duration| left.map_or(limit, |left| limit.min(left));
        let mut lease = match self.core.acquire(origin, Some(within(CONNECTION))).await {
            Ok(lease) => lease,
            Err(error) => {
                if let Some(error) = why_dead(&error) {
                    self.report(Trouble::Dead, &error);
                }
                return None;
            }
        };
        let Some(position) = LogPosition::both(own, after) else {
            return Some(lease);
        };
        match has_replayed(&mut lease, position, within(LAG)).await {
            Ok(true) => Some(lease),
            Ok(false) => {
                lease.give_back();
                // A token may come from anywhere, so only the factory's own mark can show that the
                // replica is slow.
                if own == Some(position) && left.is_none_or(|left| left > LAG) {
                    let lag = format!(
                        "it has not replayed {position} within {}",
                        crate::time::text(LAG)
                    );
                    self.report(Trouble::Behind, &lag);
                }
                None
            }
            Err(error) => {
                self.report(Trouble::Dead, &error.to_string());
                None
            }
        }
    }

    /// Connects once.
    ///
    /// # Errors
    /// Fails with an error that waiting cannot heal. If the server is only down, this method reports
    /// that, a task tries again, and the result is `Ok`.
    pub(crate) async fn prove(self: &Arc<Self>) -> Result<(), SessionError> {
        match self.core.ping().await {
            Ok(()) | Err(SessionError::Closed) => Ok(()),
            Err(SessionError::Acquire(error))
                if error
                    .connect_error()
                    .is_some_and(ConnectError::is_permanent) =>
            {
                Err(SessionError::Acquire(error))
            }
            Err(error) => {
                self.report(Trouble::Dead, &error.to_string());
                Ok(())
            }
        }
    }

    /// Records the trouble, reports it once, and starts the task that tries the replica until it is
    /// usable.
    fn report(self: &Arc<Self>, trouble: Trouble, why: &str) {
        if self.trouble().replace(trouble).is_some() {
            return;
        }
        observe::report(&format!(
            "{}: the replica that {} names is not read until it is well again, the primary is: {why}",
            self.core.name, self.core.url_key
        ));
        if crate::runtime::spawn(heal(Arc::downgrade(self))).is_err() {
            // No task can end the trouble without a background runtime, and no connection can be opened either.
            *self.trouble() = None;
        }
    }

    /// Checks the replica once. Returns what is wrong with it now.
    async fn look(&self) -> Option<Trouble> {
        let origin = Origin::internal("replica");
        let Ok(mut lease) = self.core.acquire(&origin, Some(CONNECTION)).await else {
            return Some(Trouble::Dead);
        };
        let Mark::At(position) = self.marks.mark() else {
            // Without a mark, the replica only has to answer.
            return match lease.connection().ping().await {
                Ok(()) => {
                    lease.give_back();
                    None
                }
                Err(_) => Some(Trouble::Dead),
            };
        };
        match has_replayed(&mut lease, position, LAG).await {
            Ok(has_replayed) => {
                lease.give_back();
                (!has_replayed).then_some(Trouble::Behind)
            }
            Err(_) => Some(Trouble::Dead),
        }
    }
}

/// Tries a replica until it is usable.
async fn heal<D: Driver>(replica: Weak<Replica<D>>) {
    let mut pause = FIRST_TRY;
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(LATER_TRIES);
        let Some(replica) = replica.upgrade() else {
            return;
        };
        if replica.core.closed.is_cancelled() {
            return;
        }
        // The application's instrumentation sees the ping, and may panic. The task tries again even
        // then.
        let trouble = contained_async(replica.look()).await;
        let trouble = trouble.unwrap_or(Some(Trouble::Dead));
        *replica.trouble() = trouble;
        if trouble.is_none() {
            observe::report(&format!(
                "{}: the replica that {} names is read again",
                replica.core.name, replica.core.url_key
            ));
            return;
        }
    }
}

/// Returns the reason why the server counts as dead; `None` if the only reason is that
/// sessions use all of the pool's connections.
fn why_dead(error: &SessionError) -> Option<String> {
    match error {
        SessionError::Acquire(error) => {
            let busy = u32::try_from(error.holders().len()).is_ok_and(|held| held >= error.limit());
            let silent = !busy && error.waited() >= CONNECTION;
            (error.connect_error().is_some() || silent).then(|| error.to_string())
        }
        _ => None,
    }
}

/// True if the replica has replayed the log up to this position. If the future is dropped, the
/// lease closes its connection, because the answer must not reach the next borrower.
async fn has_replayed<D: Driver>(
    lease: &mut Lease<D>,
    position: LogPosition,
    patience: Duration,
) -> Result<bool, StatementError> {
    let limit = patience + CONNECTION;
    let question = lease.connection().has_replayed(position, patience);
    let answer = crate::runtime::within(tokio::time::timeout(limit, question)).await;
    match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(StatementError::connection(format!(
            "it did not answer within {}",
            crate::time::text(limit)
        ))),
        Err(error) => Err(StatementError::connection(error.to_string())),
    }
}
