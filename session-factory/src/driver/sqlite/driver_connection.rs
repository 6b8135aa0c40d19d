//! The operations that a session and the pool call on a connection to SQLite.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::{CacheSize, Connection as _, Instrumentation};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sqlite::Sqlite as Backend;
use diesel_async::{AsyncConnection as _, AsyncConnectionCore};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::connection::LiteConnection;
use super::diesel_wrapper::Wrapper;
use super::quiet::{self, Watching};
use super::slot::Slot;
use super::task::Lost;
use super::{commit, raw_access, reset, statement, transaction};
use crate::call::TransactionOptions;
use crate::config::Sealed;
use crate::driver::TransactionEnd;
use crate::driver::{
    CommitOutcome, CommitSent, DriverConnection, GoesTo, Last, Owner, Prelude, RecoveryOutcome,
    Reply, Running, TransactionStatus, Untyped,
};
use crate::error::{PartlyCommitted, StatementError};
use crate::observe::{Instrumented, Relay};

impl Sealed for LiteConnection {}

impl DriverConnection for LiteConnection {
    type Backend = Backend;
    type Raw = Wrapper;
    type Row = <Wrapper as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = BoxStream<'conn, QueryResult<Self::Row>>;

    fn anchor(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        let anchor = self.anchor.clone();
        anchor.map(|anchor| anchor as Arc<dyn Any + Send + Sync>)
    }

    fn raw(&mut self) -> Option<&mut Wrapper> {
        match self.slot() {
            Slot::Wrapped(lent) => Some(lent.wrapper()),
            _ => None,
        }
    }

    fn observer(&mut self) -> &mut Instrumented {
        &mut self.observer
    }

    fn raw_instrumentation(&mut self) -> Option<&mut dyn Instrumentation> {
        if self.has_leftover() {
            // A dropped statement still uses the connection.
            return None;
        }
        match self.slot() {
            Slot::Home(connection) => Some(connection.instrumentation()),
            Slot::Wrapped(lent) => Some(lent.wrapper().instrumentation()),
            Slot::Away => None,
        }
    }

    fn install(&mut self, relay: Relay) {
        let watching = Watching::new(relay, self.state());
        self.set_diesel_instrumentation(watching);
    }

    fn uninstall(&mut self, default: Option<Box<dyn Instrumentation>>) {
        self.set_diesel_instrumentation(default);
    }

    fn is_external(&self) -> bool {
        self.state().is_external()
    }

    fn set_cache(&mut self, size: CacheSize) {
        if self.has_leftover() {
            return;
        }
        match self.slot() {
            Slot::Home(connection) => connection.set_prepared_statement_cache_size(size),
            Slot::Wrapped(lent) => lent.wrapper().set_prepared_statement_cache_size(size),
            Slot::Away => {}
        }
    }

    fn is_closed(&self) -> bool {
        self.condemned || matches!(self.slot, Slot::Away) && !self.has_leftover()
    }

    fn condemn(&mut self) {
        self.condemned = true;
    }

    async fn ping(&mut self) -> Result<(), StatementError> {
        // There is no server that could have closed the connection.
        Ok(())
    }

    fn load<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>> {
        let query = statement::collect(&query);
        let stop = self.stop();
        statement::run(self, prelude, move |connection| {
            statement::load(connection, query, &stop)
        })
        .map(|reply| Reply {
            prelude: reply.prelude,
            result: reply
                .result
                .map(|rows| stream::iter(rows.into_iter().map(Ok)).boxed()),
            unsent: reply.unsent,
        })
        .boxed()
    }

    fn execute<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let query = statement::collect(&query);
        let state = self.stop();
        statement::run(self, prelude, move |connection| {
            statement::execute(connection, query, &state)
        })
        .boxed()
    }

    fn batch(&mut self, prelude: Prelude, sql: String) -> BoxFuture<'_, Reply<()>> {
        let state = self.stop();
        statement::run(self, prelude, move |connection| {
            statement::batch(connection, &sql, &state)
        })
        .boxed()
    }

    fn begin_watch(&mut self) {
        self.state().begin_watch();
    }

    fn watch(&mut self) -> TransactionStatus {
        let state = self.state();
        let ended = |committed, error| TransactionStatus::Ended { committed, error };
        let (end, has_panicked) = state.end_and_panic();
        match end {
            Some(TransactionEnd::Unseen) => TransactionStatus::Parted(PartlyCommitted::EndedUnseen),
            Some(TransactionEnd::Committed) => ended(true, None),
            _ if has_panicked => ended(false, Some(StatementError::from(&quiet::panicked()))),
            Some(TransactionEnd::RolledBack) => ended(false, state.error()),
            None if state.is_unbalanced() => TransactionStatus::Unbalanced,
            None => TransactionStatus::Open,
        }
    }

    fn has_written(&mut self) -> bool {
        self.state().has_written()
    }

    fn commits_silently(&mut self, options: &TransactionOptions) -> bool {
        let state = self.state();
        options.read_only && state.end().is_none() && !state.needs_reset()
    }

    async fn enter_raw(&mut self) -> QueryResult<()> {
        self.settle().await.map_err(Lost::into_error)?;
        self.observer.may_be_replaced();
        self.state().set_touched();
        self.lend()?;
        let state = self.stop();
        self.task(move |connection| raw_access::enter_raw(connection, &state))
            .await
            .map_err(Lost::into_error)?
    }

    async fn leave_raw(&mut self) {
        let state = self.stop();
        // If this future is dropped before that is done, the connection's next task does it first.
        let _done = self
            .task(move |connection| raw_access::leave_raw(connection, &state))
            .await;
    }

    async fn commit(&mut self) -> CommitOutcome {
        commit::commit(self).await
    }

    async fn execute_and_commit<T>(&mut self, prelude: Prelude, source: T, sent: CommitSent) -> Last
    where
        T: QueryFragment<Backend> + QueryId + Send,
    {
        let query = statement::collect(&source);
        drop(source);
        commit::behind(self, prelude, query, sent).await
    }

    fn commit_unattended<O, E>(owner: O, over: E) -> Result<(), (O, E)>
    where
        O: Owner<LiteConnection> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        commit::unattended(owner, over)
    }

    async fn rollback(&mut self) -> Result<(), StatementError> {
        commit::rollback(self).await
    }

    async fn recover(
        &mut self,
        _running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> RecoveryOutcome {
        self.state().stop_running();
        let done = crate::runtime::within(tokio::time::timeout_at(deadline.into(), async {
            self.rollback().await.is_ok()
        }))
        .await;
        match done {
            Ok(Ok(true)) => RecoveryOutcome::Clean,
            _ => RecoveryOutcome::Failed,
        }
    }

    /// False while the session has the turn to write (its transaction is open), or a dropped statement still runs.
    fn at_rest(&self) -> bool {
        !self.has_turn() && !self.has_leftover()
    }

    fn needs_reset(&self) -> bool {
        self.state().needs_reset()
    }

    async fn reset(&mut self) -> bool {
        reset::reset(self).await
    }

    fn explain(&self, reported: &diesel::result::Error) -> StatementError {
        transaction::explained(reported, self.state())
    }
}
