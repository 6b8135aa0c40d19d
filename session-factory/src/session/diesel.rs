//! The session as a diesel-async connection.

use std::future::Future;

use diesel::connection::{CacheSize, Instrumentation};
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::result::ConnectionError;
use diesel::{ConnectionResult, QueryResult};
use diesel_async::{AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::state::SessionState;
use super::statement::Lines;
use super::transaction_state::TransactionState;
use super::{Session, SessionTransactionManager, events, statement};
use crate::driver::{Driver, DriverConnection, TransactionStatus, Untyped};
use crate::error::SessionError;
use crate::factory::SessionFactory;

type Backend<F> = <<F as SessionFactory>::Driver as Driver>::Backend;
/// A stream of rows. It borrows the session, because a statement sent beside a half-read stream would wait forever.
type Rows<'conn, F> = BoxStream<'conn, QueryResult<Row<F>>>;
type Row<F> = <<<F as SessionFactory>::Driver as Driver>::Connection as DriverConnection>::Row;

impl<F: SessionFactory> Session<F> {
    /// Returns the connection and the session's state, after checking that the transaction can go on.
    #[allow(clippy::type_complexity)]
    pub(super) fn parts(
        &mut self,
    ) -> Result<(&mut <F::Driver as Driver>::Connection, &mut SessionState), SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        let connection = lease.connection();
        let watched = if self.state.is_begun() {
            connection.watch()
        } else {
            // No transaction has begun.
            TransactionStatus::Open
        };
        self.state.check(&watched)?;
        // If the body's SQL has ended the transaction, the driver watches from the start of the next one.
        if !self.state.is_begun() {
            connection.begin_watch();
        }
        Ok((connection, &mut self.state))
    }

    /// Sends the prelude now, without a statement.
    pub(super) async fn send_prelude(&mut self) -> Result<(), SessionError> {
        let (connection, state) = self.parts()?;
        if state.prelude().is_empty() {
            return Ok(());
        }
        let prelude = events::prelude(connection, state);
        let seen = statement::Seen {
            lines: Lines::of_prelude(state),
            monitor: None,
        };
        let sent = connection.batch(prelude, String::new());
        statement::run(state, seen, sent, |()| None).await?;
        Ok(())
    }

    /// Returns the [`parts`](Self::parts) for a statement of the body. A test's fault may strike that statement.
    #[allow(clippy::type_complexity)]
    fn parts_of_statement(
        &mut self,
    ) -> Result<(&mut <F::Driver as Driver>::Connection, &mut SessionState), SessionError> {
        #[cfg(feature = "testing")]
        if let (Some(struck), Some(lease)) = (&self.test, &mut self.lease) {
            struck.at_statement(lease);
        }
        self.parts()
    }

    fn load_untyped(
        &mut self,
        query: Untyped<'_, Backend<F>>,
    ) -> BoxFuture<'_, QueryResult<Rows<'_, F>>> {
        let (connection, state) = match self.parts_of_statement() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen::<F::Driver>(connection, state, query);
        let prelude = events::prelude(connection, state);
        let sent = connection.load(prelude, query);
        statement::stream(state, seen, sent)
    }

    fn execute_untyped(
        &mut self,
        query: Untyped<'_, Backend<F>>,
    ) -> BoxFuture<'_, QueryResult<usize>> {
        let (connection, state) = match self.parts_of_statement() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen::<F::Driver>(connection, state, query);
        // A count of rows alone proves no write: `SELECT 1` has one too.
        let sees_writes = connection.sees_writes();
        let prelude = events::prelude(connection, state);
        let sent = connection.execute(prelude, query);
        statement::count(state, seen, sees_writes, sent)
    }
}

impl<F: SessionFactory> SimpleAsyncConnection for Session<F> {
    fn batch_execute(&mut self, query: &str) -> impl Future<Output = QueryResult<()>> + Send {
        let (connection, state) = match self.parts_of_statement() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen_script::<F::Driver>(connection, state, query);
        let prelude = events::prelude(connection, state);
        let sent = connection.batch(prelude, query.to_owned());
        statement::run(state, seen, sent, |()| None).boxed()
    }
}

impl<F: SessionFactory> AsyncConnectionCore for Session<F> {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Rows<'conn, F>;
    type Row<'conn, 'query> = Row<F>;
    type Backend = Backend<F>;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        self.load_untyped(Untyped::of(&source.as_query()))
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Self::Backend> + QueryId + 'query,
    {
        self.execute_untyped(Untyped::of(&source))
    }
}

impl<F: SessionFactory> AsyncConnection for Session<F> {
    type TransactionManager = SessionTransactionManager;

    /// Always fails: sessions come from a factory.
    async fn establish(_database_url: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::BadConnection(format!(
            "a session comes from its factory: call {}::create_session()",
            F::NAME
        )))
    }

    /// Begins a transaction that can only be rolled back.
    async fn begin_test_transaction(&mut self) -> QueryResult<()> {
        self.send_prelude().await?;
        self.state.set_test();
        Ok(())
    }

    fn transaction_state(&mut self) -> &mut TransactionState {
        &mut self.transaction_state
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        match &mut self.lease {
            Some(lease) => {
                let connection = lease.connection();
                // Called twice: the borrow checker would hold the first call's borrow on both paths.
                if connection.observer().events().is_some() {
                    connection.observer().instrumentation()
                } else {
                    connection.raw_instrumentation()
                }
                .unwrap_or(&mut *self.no_instrumentation)
            }
            None => &mut *self.no_instrumentation,
        }
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        if let Some(lease) = &mut self.lease {
            lease
                .connection()
                .set_instrumentation(instrumentation.into());
            lease.instrumented();
            self.observed = true;
        }
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        if let Some(lease) = &mut self.lease {
            lease.connection().set_cache(size);
            lease.recached();
        }
    }
}
