//! Implements what a session and the pool ask of a connection to PostgreSQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, AsyncPgConnection,
    SimpleAsyncConnection, TransactionManager,
};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};

use super::connection::{Client, Commit, PgConnection, Pooler};
use super::fragment::PgQuery;
use super::protocol::state::ProtocolState;
use super::rows::Rows;
use super::{commit, recovery, replica};
use crate::call::{Isolation, LogPosition as Position, TransactionOptions};
use crate::config::Sealed;
use crate::driver::{
    CommitOutcome, CommitSent, DriverConnection, GoesTo, Kill, Last, Prelude, RecoveryOutcome,
    Reply, Running, TransactionEnd, TransactionStatus, raw_transaction,
};
use crate::error::StatementError;
use crate::observe::{Instrumented, ObservedStatement, ServerErrors, unpanicked};

impl Sealed for PgConnection {}

impl DriverConnection for PgConnection {
    type Backend = Pg;
    type Raw = AsyncPgConnection;
    type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = Rows<'conn>;

    fn raw(&mut self) -> Option<&mut AsyncPgConnection> {
        Some(self.diesel_mut())
    }

    fn observer(&mut self) -> &mut Instrumented {
        &mut self.statements.observer
    }

    fn is_external(&self) -> bool {
        !self.view().is_watched()
    }

    fn set_cache(&mut self, size: CacheSize) {
        self.statements.client_cache.set_size(size);
        self.diesel_mut().set_prepared_statement_cache_size(size);
    }

    fn cache(&self) -> CacheSize {
        self.cache
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.condemned || self.statements.is_stuck || self.view().is_closed()
    }

    fn kill(&self) -> Option<Kill> {
        match &self.client {
            Client::Watched(watched) => Some(watched.kill.clone()),
            Client::External(_) => None,
        }
    }

    #[cfg(feature = "testing")]
    fn server_process(&self) -> Option<u32> {
        self.view().protocol().map(ProtocolState::process)
    }

    fn server_errors(&mut self) -> Option<Arc<dyn ServerErrors>> {
        let protocol = self.view().shared_protocol()?;
        Some(protocol)
    }

    fn condemn(&mut self) {
        self.condemned = true;
        if let Client::External(connection) = &mut self.client {
            // This makes the external pool drop the connection instead of lending it again.
            AnsiTransactionManager::transaction_manager_status_mut(&mut ***connection)
                .set_in_error();
        }
    }

    async fn ping(&mut self) -> Result<(), StatementError> {
        let _used = self.attend();
        let result = self.diesel_mut().batch_execute("").await;
        result.map_err(|error| self.view().explain(&error))
    }

    fn load<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<Rows<'conn>>> {
        let (shared, statements, unread) = self.split_for_rows();
        let protocol_state = statements.view.shared_protocol();
        let statement = statements.load(shared, query);
        let statement = statement.map_ok(|rows| Rows::new(unread, rows, protocol_state));
        statements.send(shared, prelude, statement).boxed()
    }

    fn execute<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: PgQuery<'_>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let (shared, statements) = self.split_for_statement();
        let statement = statements.execute(shared, query, |_, _| ());
        statements.send(shared, prelude, statement).boxed()
    }

    fn batch(&mut self, prelude: Prelude, sql: String) -> BoxFuture<'_, Reply<()>> {
        let (shared, statements) = self.split();
        statements.look_at(&sql);
        let mut handle = shared;
        let statement = async move {
            if sql.is_empty() {
                // Only the prelude has to be sent.
                return Ok(());
            }
            handle.batch_execute(&sql).await
        };
        let statement = ObservedStatement::held(statements.events(), || Box::pin(statement));
        statements.send(shared, prelude, statement).boxed()
    }

    fn begin_watch(&mut self) {
        self.take_raw_back();
        self.commit = Commit::NotSent;
        self.statements.begin_watch();
    }

    fn watch(&mut self) -> TransactionStatus {
        if self.is_raw
            && raw_transaction::is_unbalanced(
                AnsiTransactionManager::transaction_manager_status_mut(self.diesel_mut()),
            )
        {
            return TransactionStatus::Unbalanced;
        }
        let watched = self.view().watch();
        let is_in_doubt = matches!(watched, TransactionStatus::InDoubt);
        self.statements.set_doubted(is_in_doubt);
        watched
    }

    async fn ask(&mut self) {
        let _used = self.attend();
        let (shared, statements) = self.split();
        statements.ask(shared).await;
    }

    fn met_conflict(&mut self) -> bool {
        let protocol = self.view().protocol();
        protocol.is_some_and(ProtocolState::met_conflict)
    }

    fn has_written(&mut self) -> bool {
        self.view().has_written()
    }

    fn sees_writes(&self) -> bool {
        self.view().is_watched()
    }

    fn commits_silently(&mut self, options: &TransactionOptions) -> bool {
        let level = options.isolation.or(self.isolation);
        let cannot_fail = match level {
            // At COMMIT, the server may abort even a read-only serializable transaction, unless it is deferrable.
            Some(Isolation::Serializable) => options.deferrable,
            Some(_) => true,
            None => false,
        };
        options.read_only
            && cannot_fail
            && self
                .view()
                .protocol()
                .is_some_and(ProtocolState::has_only_read)
    }

    async fn enter_raw(&mut self) -> QueryResult<()> {
        let used = self.attend();
        let (shared, statements) = self.split();
        // The driver cannot read the raw connection's SQL before the body sends it, so set the mark now.
        statements.mark(shared).await;
        if !self.is_raw {
            self.is_raw = true;
            self.raw_use = used;
            self.statements.client_cache.lend();
            self.statements.observer.lend();
            let connection = self.diesel_mut();
            let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
            raw_transaction::enter(status)?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> CommitOutcome {
        let _used = self.attend();
        commit::commit(self).await
    }

    async fn execute_and_commit<T>(&mut self, prelude: Prelude, source: T, sent: CommitSent) -> Last
    where
        T: QueryFragment<Pg> + QueryId + Send,
    {
        let _used = self.attend();
        commit::behind(self, prelude, source, sent).await
    }

    fn committed_at(&mut self) -> Option<Position> {
        let at = self.view().protocol()?.take_position()?;
        // A transaction without writes is not in the log. A replica's replay time may never pass its time: omit that.
        Some(if self.view().has_written() {
            at
        } else {
            at.undated()
        })
    }

    fn was_committed_by_body(&mut self) -> bool {
        self.commit == Commit::NotSent && self.view().ended() == Some(TransactionEnd::Committed)
    }

    async fn has_replayed(
        &mut self,
        position: Position,
        patience: Duration,
    ) -> Result<bool, StatementError> {
        let _used = self.attend();
        replica::has_replayed(self, position, patience).await
    }

    async fn rollback(&mut self) -> Result<(), StatementError> {
        if self.is_closed() {
            return Ok(());
        }
        let _used = self.attend();
        self.take_raw_back();
        let rollback = self.ending("ROLLBACK");
        self.view().seal();
        let result = unpanicked(self.diesel_mut().batch_execute(&rollback)).await;
        self.note_reset(result.is_ok());
        result.map_err(|error| self.view().explain(&error))
    }

    async fn recover(
        &mut self,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> RecoveryOutcome {
        let _used = self.attend();
        recovery::recover(self, running, goes_to, deadline).await
    }

    fn at_rest(&self) -> bool {
        self.is_quiet() && !self.may_be_hit()
    }

    fn is_lendable(&self) -> bool {
        !self.may_be_hit()
    }

    fn is_pooled(&self) -> bool {
        self.pooler != Pooler::None
    }

    fn needs_reset(&self) -> bool {
        self.view().needs_reset()
    }

    async fn reset(&mut self) -> bool {
        let _used = self.attend();
        recovery::reset(self).await
    }

    fn explain(&self, error: &diesel::result::Error) -> StatementError {
        self.view().explain(error)
    }
}
