//! What a connection to MySQL can do for a session.

use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::mysql::Mysql as Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::connection::{Inner, TrackedMysqlConnection};
use super::protocol::session_state::Purpose;
use super::protocol::{COM_PING, Layout, MysqlRow};
use super::query::{Query, Rows};
use super::recovery;
use crate::config::Sealed;
use crate::driver::{
    CommitOutcome, CommitSent, DriverConnection, GoesTo, Kill, Last, Prelude, RecoveryOutcome,
    Reply, Running, TransactionStatus, Untyped,
};
use crate::error::{StatementError, StatementErrorKind};
use crate::observe::{Instrumented, ServerErrors};

impl Sealed for TrackedMysqlConnection {}

impl DriverConnection for TrackedMysqlConnection {
    type Backend = Backend;
    type Raw = Self;
    type Row = MysqlRow;
    type Rows<'conn> = Rows<'conn>;

    fn raw(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn server_errors(&mut self) -> Option<Arc<dyn ServerErrors>> {
        let Inner::Own(own) = &self.inner else {
            return None;
        };
        Some(Arc::clone(own.channel.state.last_error()) as _)
    }

    fn observer(&mut self) -> &mut Instrumented {
        self.observer()
    }

    fn is_external(&self) -> bool {
        self.is_external()
    }

    fn cache(&self) -> CacheSize {
        self.cache()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn kill(&self) -> Option<Kill> {
        self.kill()
    }

    fn condemn(&mut self) {
        self.condemn();
    }

    async fn ping(&mut self) -> Result<(), StatementError> {
        match &mut self.inner {
            Inner::Own(own) => {
                own.channel
                    .send(COM_PING, b"", Layout::Results, Purpose::Drivers)?;
                own.channel.finish().await.map(drop)
            }
            Inner::External(external) => external.run("DO 1").await,
        }
    }

    fn load<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>> {
        let query = match Query::of(&query) {
            Ok(query) => query,
            Err(error) => return ready(Reply::of(Err(error))).boxed(),
        };
        async move { replied(self.load_behind(&prelude, query).await) }.boxed()
    }

    fn execute<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        execute(self, prelude, Query::of(&query)).boxed()
    }

    fn batch(&mut self, prelude: Prelude, sql: String) -> BoxFuture<'_, Reply<()>> {
        async move { replied(self.batch_behind(&prelude, &sql).await) }.boxed()
    }

    fn begin_watch(&mut self) {
        self.leave_raw();
        if let Inner::Own(own) = &mut self.inner {
            own.channel.state.begin_watch();
        }
    }

    fn watch(&mut self) -> TransactionStatus {
        if self.raw_is_unbalanced() {
            return TransactionStatus::Unbalanced;
        }
        match &self.inner {
            Inner::Own(own) => own.channel.state.watch(),
            Inner::External(external) => external.watch(),
        }
    }

    fn met_conflict(&mut self) -> bool {
        matches!(&self.inner, Inner::Own(own) if own.channel.state.met_conflict())
    }

    fn has_written(&mut self) -> bool {
        matches!(&self.inner, Inner::Own(own) if own.channel.state.has_written())
    }

    async fn enter_raw(&mut self) -> QueryResult<()> {
        self.enter_raw()
    }

    async fn commit(&mut self) -> CommitOutcome {
        self.leave_raw();
        match &mut self.inner {
            Inner::Own(own) => own.commit().await,
            Inner::External(external) => external.commit().await,
        }
    }

    /// Runs the statement only, and leaves COMMIT to the session. MySQL would commit the earlier work even after a
    /// failed statement, so COMMIT has to wait for the statement's reply.
    async fn execute_and_commit<T>(
        &mut self,
        prelude: Prelude,
        source: T,
        _sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Backend> + QueryId + Send,
    {
        let query = Query::of(&source);
        drop(source);
        let reply = execute(self, prelude, query).await;
        Last {
            reply,
            commit: None,
        }
    }

    async fn rollback(&mut self) -> Result<(), StatementError> {
        if self.is_closed() {
            return Ok(());
        }
        self.leave_raw();
        match &mut self.inner {
            Inner::Own(own) => own.roll_back().await,
            Inner::External(external) => external.run("ROLLBACK").await,
        }
    }

    async fn recover(
        &mut self,
        running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> RecoveryOutcome {
        recovery::recover(self, running, deadline).await
    }

    fn at_rest(&self) -> bool {
        match &self.inner {
            Inner::Own(own) => own.is_at_rest(),
            Inner::External(external) => external.is_in_step(),
        }
    }

    fn needs_reset(&self) -> bool {
        matches!(&self.inner, Inner::Own(own) if own.channel.state.is_touched())
    }

    async fn reset(&mut self) -> bool {
        match &mut self.inner {
            Inner::Own(own) => own.reset().await,
            Inner::External(_) => false,
        }
    }

    fn explain(&self, error: &diesel::result::Error) -> StatementError {
        let plain = StatementError::from(error);
        let Inner::Own(own) = &self.inner else {
            return plain;
        };
        if plain.kind == StatementErrorKind::Connection {
            return own.channel.lost().cloned().unwrap_or(plain);
        }
        match own.channel.state.last_error().last_error() {
            Some(said) if said.message == plain.message => said,
            _ => plain,
        }
    }
}

/// Builds a reply. The outer error is the prelude's; the inner result is the statement's.
fn replied<T>(result: Result<QueryResult<T>, diesel::result::Error>) -> Reply<T> {
    match result {
        Ok(result) => Reply::of(result),
        Err(prelude) => Reply::not_sent(prelude),
    }
}

async fn execute(
    connection: &mut TrackedMysqlConnection,
    prelude: Prelude,
    query: QueryResult<Query>,
) -> Reply<usize> {
    match query {
        Ok(query) => replied(connection.execute_behind(&prelude, query).await),
        Err(error) => Reply::of(Err(error)),
    }
}
