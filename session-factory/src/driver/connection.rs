//! What one connection can do.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::{
    CacheSize, DynInstrumentation, Instrumentation, get_default_instrumentation,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::AsyncConnection;
use futures_util::future::BoxFuture;
use futures_util::stream::Stream;

use super::messages::{
    CommitOutcome, CommitSent, GoesTo, Kill, Last, Owner, Prelude, RecoveryOutcome, Reply, Running,
    TransactionStatus,
};
use super::untyped::Untyped;
use crate::call::{LogPosition, TransactionOptions};
use crate::config::Sealed;
use crate::error::StatementError;
use crate::observe::{Instrumented, Relay, ServerErrors};

/// One open connection with what its driver knows about it. The pool holds these, and a session calls them.
///
/// Sealed: no other type can implement it, and the types of its functions' parameters have no public names.
#[doc(hidden)]
pub trait DriverConnection: Sealed + Sized + Send + 'static {
    /// diesel's backend.
    type Backend: Backend<QueryBuilder: Default> + Default;
    /// diesel-async's connection, which [`Session::connection`](crate::Session::connection)
    /// returns.
    type Raw: AsyncConnection<Backend = Self::Backend> + Send + 'static;
    /// One row of a result.
    type Row: for<'row> diesel::row::Row<'row, Self::Backend> + Send + 'static;
    /// A stream of rows.
    type Rows<'conn>: Stream<Item = QueryResult<Self::Row>> + Send + Unpin + 'conn;

    /// Returns a value that keeps the database alive while the pool has no open connection.
    fn anchor(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// Returns diesel-async's connection, the form that the application's code knows. `None` if
    /// [`enter_raw`](Self::enter_raw) has to convert it first.
    fn raw(&mut self) -> Option<&mut Self::Raw>;

    /// Returns the observer of the connection's events.
    fn observer(&mut self) -> &mut Instrumented;

    /// Returns diesel-async's own instrumentation, or `None` while [`raw`](Self::raw) has no connection to return.
    fn raw_instrumentation(&mut self) -> Option<&mut dyn Instrumentation> {
        self.raw().map(AsyncConnection::instrumentation)
    }

    /// Makes diesel-async's connection report to the observer, as soon as the connection can be reached.
    fn install(&mut self, relay: Relay) {
        if let Some(connection) = self.raw() {
            connection.set_instrumentation(relay);
        }
    }

    /// Undoes [`install`](Self::install): the connection reports to `default`, if there is one.
    fn uninstall(&mut self, default: Option<Box<dyn Instrumentation>>) {
        if let Some(connection) = self.raw() {
            connection.set_instrumentation(default);
        }
    }

    /// True for an external pool's connection.
    fn is_external(&self) -> bool {
        false
    }

    /// Sets the application's instrumentation.
    fn set_instrumentation(&mut self, instrumentation: DynInstrumentation) {
        let relay = self.observer().set(instrumentation);
        self.install(relay);
    }

    /// Sets diesel's default instrumentation, with which every connection begins.
    fn restore_instrumentation(&mut self) {
        match get_default_instrumentation() {
            Some(default) if !self.is_external() => {
                self.set_instrumentation(default.into());
            }
            default => {
                let is_external = self.is_external();
                self.observer().clear(is_external);
                self.uninstall(default);
            }
        }
    }

    /// Sets the statement cache's size.
    fn set_cache(&mut self, size: CacheSize) {
        if let Some(connection) = self.raw() {
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// Returns the statement cache's size with which each borrower starts.
    fn cache(&self) -> CacheSize {
        CacheSize::Unbounded
    }

    /// True if the driver knows, without asking the server, that the connection is unusable.
    fn is_closed(&self) -> bool;

    /// Returns what ends the connection while its session uses it: it cancels the statement and closes the connection.
    fn kill(&self) -> Option<Kill> {
        None
    }

    /// Returns the id of the server's process, by which a rolled-back test identifies the connection.
    #[cfg(feature = "testing")]
    fn server_process(&self) -> Option<u32> {
        None
    }

    /// Returns the server's last error on this connection; its code completes an error that diesel reports without one.
    fn server_errors(&mut self) -> Option<Arc<dyn ServerErrors>> {
        None
    }

    /// Prevents the pool from lending the connection again: the connection is closed when it is dropped.
    fn condemn(&mut self);

    /// One round trip that proves the connection alive.
    fn ping(&mut self) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// Runs a query after `prelude`, in the same round trip if that is safe. The first poll sends both.
    /// The query is not `Send`, so this function extracts its SQL and binds at once, and the future owns
    /// them.
    fn load<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>>;

    /// [`load`](Self::load) for a statement that returns a row count.
    fn execute<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<usize>>;

    /// [`load`](Self::load) for SQL of one or several statements, without rows.
    fn batch(&mut self, prelude: Prelude, sql: String) -> BoxFuture<'_, Reply<()>>;

    /// Resets what [`watch`](Self::watch) returns. The session calls this when a transaction begins.
    fn begin_watch(&mut self);

    /// Returns what the driver knows about the transaction since [`begin_watch`](Self::begin_watch).
    fn watch(&mut self) -> TransactionStatus;

    /// Asks the database whether the open transaction is still the one that the session began. Call when
    /// [`watch`](Self::watch) returned `InDoubt`; a later `watch` uses the answer.
    fn ask(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// True if a statement in the current transaction met a serialization failure, a deadlock or a busy database. This
    /// counts the session's statements and those on the body's raw connection.
    fn met_conflict(&mut self) -> bool {
        false
    }

    /// True if the driver saw a statement in the current transaction change rows.
    fn has_written(&mut self) -> bool {
        false
    }

    /// True if the driver sees which statements change rows. If not, the session knows only the row counts they return.
    fn sees_writes(&self) -> bool {
        false
    }

    /// True if the caller need not wait for COMMIT, because the transaction, begun with `options`, has only
    /// read, the server has answered everything, and COMMIT cannot fail.
    fn commits_silently(&mut self, _options: &TransactionOptions) -> bool {
        false
    }

    /// Call before the body gets the raw connection. Enters the open transaction into the raw connection's
    /// transaction manager, so that the body's `transaction()` makes a savepoint.
    fn enter_raw(&mut self) -> impl Future<Output = QueryResult<()>> + Send;

    /// Call before [`watch`](Self::watch) after the body had the raw connection. Needed by drivers that do not see the
    /// body's statements as they run.
    fn leave_raw(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Sends COMMIT and returns its outcome.
    fn commit(&mut self) -> impl Future<Output = CommitOutcome> + Send;

    /// Commits a transaction that [commits silently](Self::commits_silently) in the background, and then passes the
    /// connection's owner and the outcome to `over`.
    ///
    /// # Errors
    /// Returns `owner` and `over` if the caller has to await [`commit`](Self::commit) instead.
    fn commit_unattended<O, E>(owner: O, over: E) -> Result<(), (O, E)>
    where
        O: Owner<Self> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        Err((owner, over))
    }

    /// Runs a statement and then COMMIT, in the same round trip if that is safe. The driver sets
    /// `sent` when COMMIT is sent. If the statement fails, a COMMIT after it keeps nothing.
    fn execute_and_commit<T>(
        &mut self,
        prelude: Prelude,
        source: T,
        sent: CommitSent,
    ) -> impl Future<Output = Last> + Send
    where
        T: QueryFragment<Self::Backend> + QueryId + Send;

    /// Returns the log position of the session's last COMMIT, if the settings name a replica.
    fn committed_at(&mut self) -> Option<LogPosition> {
        None
    }

    /// True if the body, and not the session, committed the last transaction.
    fn was_committed_by_body(&mut self) -> bool {
        false
    }

    /// On a connection to a replica: waits until the replica has replayed the log up to `_position`. False if
    /// `_patience` passes first. If the caller drops the future half-way, its query stays in flight.
    fn has_replayed(
        &mut self,
        _position: LogPosition,
        _patience: Duration,
    ) -> impl Future<Output = Result<bool, StatementError>> + Send {
        std::future::ready(Ok(false))
    }

    /// Rolls the whole transaction back.
    fn rollback(&mut self) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// Recovers a dropped session's connection: cancels the statement, rolls back, checks. On a lost connection it
    /// still cancels the statement that the server may be running.
    fn recover(
        &mut self,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> impl Future<Output = RecoveryOutcome> + Send;

    /// True if the session changed something that outlives its transaction. The pool then calls
    /// [`reset`](Self::reset) before the next borrower.
    fn needs_reset(&self) -> bool;

    /// True if, as far as the driver sees, the server has answered everything and no transaction is open. For a lost
    /// connection: true if the server no longer runs anything for it.
    fn at_rest(&self) -> bool {
        true
    }

    /// True if nothing sent for this session, such as a cancel request, can hit the next session's statements.
    fn is_lendable(&self) -> bool {
        true
    }

    /// True if a pooler is between the client and the server.
    fn is_pooled(&self) -> bool {
        false
    }

    /// Resets the session. False if the reset failed and the pool has to close the connection.
    fn reset(&mut self) -> impl Future<Output = bool> + Send;

    /// Converts an error that diesel reported, and adds what the driver knows (SQLSTATE).
    fn explain(&self, error: &Error) -> StatementError;
}
