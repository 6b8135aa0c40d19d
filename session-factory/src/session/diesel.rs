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

use super::statement::Lines;
use super::transaction_state::TransactionState;
use super::work::Work;
use super::{Session, SessionTransactionManager, events, statement};
use crate::driver::{Driver, Untyped, Watched};
use crate::error::SessionError;
use crate::factory::SessionFactory;

type Backend<F> = <<F as SessionFactory>::Driver as Driver>::Backend;
/// A stream of rows. It borrows the session, because a statement sent beside a half-read stream would wait forever.
type Rows<'conn, F> = BoxStream<'conn, QueryResult<<<F as SessionFactory>::Driver as Driver>::Row>>;

impl<F: SessionFactory> Session<F> {
    /// The connection and the session's state, after a check that the transaction can go on.
    #[allow(clippy::type_complexity)]
    pub(super) fn parts(
        &mut self,
    ) -> Result<(&mut <F::Driver as Driver>::Link, &mut Work), SessionError> {
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        lease.note_commit_of_body();
        let link = lease.link();
        let watched = if self.work.is_begun() {
            F::Driver::watch(link)
        } else {
            // No transaction has begun.
            Watched::Open
        };
        self.work.check(&watched)?;
        // The body's SQL may have ended the transaction: watch from the next one's start.
        if !self.work.is_begun() {
            F::Driver::begin_watch(link);
        }
        Ok((link, &mut self.work))
    }

    /// Sends the prelude now, without a statement.
    pub(super) async fn send_prelude(&mut self) -> Result<(), SessionError> {
        let (link, work) = self.parts()?;
        if work.ahead().is_empty() {
            return Ok(());
        }
        let ahead = events::ahead::<F::Driver>(link, work);
        let seen = statement::Seen {
            lines: Lines::of_ahead(work),
            monitor: None,
        };
        let sent = F::Driver::batch(link, ahead, String::new());
        statement::run(work, seen, sent, |()| None).await?;
        Ok(())
    }

    fn load_untyped(
        &mut self,
        query: Untyped<'_, Backend<F>>,
    ) -> BoxFuture<'_, QueryResult<Rows<'_, F>>> {
        let (link, work) = match self.parts() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen::<F::Driver>(link, work, query);
        let ahead = events::ahead::<F::Driver>(link, work);
        let sent = F::Driver::load(link, ahead, query);
        statement::stream(work, seen, sent)
    }

    fn execute_untyped(
        &mut self,
        query: Untyped<'_, Backend<F>>,
    ) -> BoxFuture<'_, QueryResult<usize>> {
        let (link, work) = match self.parts() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen::<F::Driver>(link, work, query);
        // A count of rows alone proves no write: `SELECT 1` has one too.
        let sees_writes = F::Driver::sees_writes(link);
        let ahead = events::ahead::<F::Driver>(link, work);
        let sent = F::Driver::execute(link, ahead, query);
        statement::count(work, seen, sees_writes, sent)
    }
}

impl<F: SessionFactory> SimpleAsyncConnection for Session<F> {
    fn batch_execute(&mut self, query: &str) -> impl Future<Output = QueryResult<()>> + Send {
        let (link, work) = match self.parts() {
            Ok(parts) => parts,
            Err(error) => return statement::refused(error),
        };
        let seen = statement::seen_script::<F::Driver>(link, work, query);
        let ahead = events::ahead::<F::Driver>(link, work);
        let sent = F::Driver::batch(link, ahead, query.to_owned());
        statement::run(work, seen, sent, |()| None).boxed()
    }
}

impl<F: SessionFactory> AsyncConnectionCore for Session<F> {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = Rows<'conn, F>;
    type Row<'conn, 'query> = <F::Driver as Driver>::Row;
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
        self.work.set_test();
        Ok(())
    }

    fn transaction_state(&mut self) -> &mut TransactionState {
        &mut self.transaction_state
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        match &mut self.lease {
            Some(lease) => {
                let link = lease.link();
                // Called twice: the borrow checker would hold the first call's borrow on both paths.
                if F::Driver::observer(link).events().is_some() {
                    F::Driver::observer(link).instrumentation()
                } else {
                    F::Driver::own_instrumentation(link)
                }
                .unwrap_or(&mut *self.no_instrumentation)
            }
            None => &mut *self.no_instrumentation,
        }
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        if let Some(lease) = &mut self.lease {
            F::Driver::set_instrumentation(lease.link(), instrumentation.into());
            lease.instrumented();
            self.observed = true;
        }
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        if let Some(lease) = &mut self.lease {
            F::Driver::set_cache(lease.link(), size);
            lease.recached();
        }
    }
}
