//! What a session and the pool ask of a connection to MySQL.

use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::connection::CacheSize;
use diesel::mysql::Mysql as Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::{AsyncConnectionCore, AsyncMysqlConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::ledger::{End, Ledger};
use super::link::{MysqlLink, Rest};
use super::statement::Flight;
use super::{error_code, packet, recover, statement};
use crate::config::Sealed;
use crate::driver::{
    CommitReply, CommitSent, DriverConnection, GoesTo, Kill, Last, Prelude, Recovered, Reply,
    Running, Untyped, Watched,
};
use crate::error::{CommittedPart, PartlyCommitted, StatementError, StatementErrorKind};
use crate::observe::{Instrumented, ServerErrors, unpanicked};

impl Sealed for MysqlLink {}

impl DriverConnection for MysqlLink {
    type Backend = Backend;
    type Raw = AsyncMysqlConnection;
    type Row = <AsyncMysqlConnection as AsyncConnectionCore>::Row<'static, 'static>;
    type Rows<'conn> = BoxStream<'conn, QueryResult<Self::Row>>;

    fn raw(&mut self) -> Option<&mut AsyncMysqlConnection> {
        Some(self.connection_mut())
    }

    fn server_errors(&mut self) -> Option<Arc<dyn ServerErrors>> {
        let own = self.rest().own.as_ref()?;
        let ledger: Arc<dyn ServerErrors> = own.wire.ledger().clone();
        Some(ledger)
    }

    fn observer(&mut self) -> &mut Instrumented {
        &mut self.rest_mut().observer
    }

    fn is_external(&self) -> bool {
        self.rest().own.is_none()
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
        if let Some(own) = &self.rest().own {
            let answer = own.wire.ask(packet::COM_PING, b"").await;
            return answer.unwrap_or_else(|| Err(own.wire.why_closed()));
        }
        let result = self.connection_mut().batch_execute("DO 1").await;
        result.map_err(|error| self.explain(&error))
    }

    fn load<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>> {
        let query = statement::collect(&query);
        statement::load(self, prelude, query).boxed()
    }

    fn execute<'conn>(
        &'conn mut self,
        prelude: Prelude,
        query: Untyped<'_, Backend>,
    ) -> BoxFuture<'conn, Reply<usize>> {
        let query = statement::collect(&query);
        statement::execute(self, prelude, query).boxed()
    }

    fn batch(&mut self, prelude: Prelude, sql: String) -> BoxFuture<'_, Reply<()>> {
        statement::batch(self, prelude, sql).boxed()
    }

    fn begin_watch(&mut self) {
        self.leave_raw();
        if let Some(ledger) = self.rest().ledger() {
            ledger.begin_watch();
        }
    }

    fn watch(&mut self) -> Watched {
        if self.raw_is_unbalanced() {
            return Watched::Unbalanced;
        }
        let rest = self.rest();
        let Some(ledger) = rest.ledger() else {
            return match &rest.given_up {
                Some(error) => Watched::Ended {
                    committed: false,
                    error: Some(error.clone()),
                },
                None => Watched::Unknown,
            };
        };
        let end = match ledger.ended() {
            Some(End::Unseen) => return Watched::Parted(PartlyCommitted::EndedUnseen),
            Some(end) => end,
            None => return Watched::Open,
        };
        // With autocommit off it is in a transaction of its own, which the session's end rolls back.
        let behind = ledger.behind();
        match behind.and_then(|behind| CommittedPart::of(end == End::Commit, behind)) {
            Some(part) => Watched::Parted(PartlyCommitted::EndedByBody(part)),
            None if end == End::Commit => Watched::Ended {
                committed: true,
                error: None,
            },
            None => Watched::Ended {
                committed: false,
                error: ledger.fatal(),
            },
        }
    }

    fn met_conflict(&mut self) -> bool {
        self.rest().ledger().is_some_and(Ledger::met_conflict)
    }

    fn has_written(&mut self) -> bool {
        self.rest().ledger().is_some_and(Ledger::has_written)
    }

    async fn enter_raw(&mut self) -> QueryResult<()> {
        self.enter_raw()
    }

    async fn commit(&mut self) -> CommitReply {
        self.leave_raw();
        if !self.is_closed() && self.rest().half_read | self.rest().unverified {
            recover::verify(self).await;
        }
        if self.rest().out_of_step {
            return CommitReply::NotSent(StatementError::connection(
                "a statement was dropped half-way on this connection, or failed behind the rows that were read",
            ));
        }
        let (
            _,
            Rest {
                own: Some(own),
                committing,
                ..
            },
        ) = self.split()
        else {
            return commit_foreign(self).await;
        };
        if own.wire.ledger().is_closed() {
            return CommitReply::NotSent(own.wire.why_closed());
        }
        *committing = true;
        let answer = own.wire.run("COMMIT").await;
        *committing = answer.is_none();
        match answer {
            Some(Ok(())) => CommitReply::Committed,
            Some(Err(error)) if error.code.is_some_and(error_code::leaves_commit_unknown) => {
                CommitReply::Unknown(error)
            }
            Some(Err(error)) => CommitReply::Refused(error),
            None => CommitReply::Unknown(own.wire.why_closed()),
        }
    }

    /// MySQL commits whatever was done, also behind a statement that failed: COMMIT has to wait for the
    /// statement's answer, and is left to the session.
    async fn execute_and_commit<T>(
        &mut self,
        prelude: Prelude,
        source: T,
        _sent: CommitSent,
    ) -> Last
    where
        T: QueryFragment<Backend> + QueryId + Send,
    {
        let query = statement::collect(&source);
        drop(source);
        Last {
            reply: statement::execute(self, prelude, query).await,
            commit: None,
        }
    }

    async fn rollback(&mut self) -> Result<(), StatementError> {
        if self.is_closed() {
            return Ok(());
        }
        self.leave_raw();
        if self.rest().half_read {
            recover::verify(self).await;
        }
        if self.rest().out_of_step {
            recover::settle(self).await;
        }
        if let Some(own) = &self.rest().own {
            let answer = own.wire.roll_back().await;
            return answer.unwrap_or_else(|| Err(own.wire.why_closed()));
        }
        let (connection, rest) = self.split();
        let flight = Flight::start(rest);
        let result = flight.land(unpanicked(connection.batch_execute("ROLLBACK")).await);
        result.map_err(|error| self.explain(&error))
    }

    async fn recover(
        &mut self,
        running: Running,
        _goes_to: GoesTo,
        deadline: Instant,
    ) -> Recovered {
        recover::recover(self, running, deadline).await
    }

    fn at_rest(&self) -> bool {
        let rest = self.rest();
        if self.is_closed() {
            return !rest.may_run_on();
        }
        let is_quiet =
            |ledger: &Ledger| ledger.is_quiet() && !ledger.in_transaction() && !ledger.is_alone();
        rest.is_in_step() && !rest.unverified && rest.ledger().is_none_or(is_quiet)
    }

    fn needs_reset(&self) -> bool {
        self.rest().ledger().is_some_and(Ledger::is_touched)
    }

    async fn reset(&mut self) -> bool {
        recover::reset(self).await
    }

    fn explain(&self, error: &diesel::result::Error) -> StatementError {
        self.explain(error)
    }
}

async fn commit_foreign(link: &mut MysqlLink) -> CommitReply {
    let (connection, rest) = link.split();
    let flight = Flight::start(rest);
    match flight.land(unpanicked(connection.batch_execute("COMMIT")).await) {
        Ok(()) => CommitReply::Committed,
        Err(error) => {
            let error = link.explain(&error);
            if error.kind == StatementErrorKind::Connection {
                CommitReply::Unknown(error)
            } else {
                CommitReply::Refused(error)
            }
        }
    }
}
