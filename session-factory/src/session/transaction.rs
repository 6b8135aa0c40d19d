//! `db.transaction(…)` inside a session is a savepoint.

use std::future::Future;

use diesel::QueryResult;
use diesel::connection::TransactionManagerStatus;
use diesel::result::Error;
use diesel_async::{AsyncConnection, TransactionManager};

use super::{AsyncBody, Session};
use crate::error::SessionError;
use crate::factory::SessionFactory;

/// The transaction manager of a [`Session`].
///
/// diesel-async's own would send COMMIT where the session has begun the transaction, and it cannot be used
/// again after a future of its was dropped.
#[derive(Debug)]
pub struct SessionTransactionManager;

/// What diesel-async keeps for a manager. The session knows better; this stays "no transaction".
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct TransactionState {
    status: TransactionManagerStatus,
}

impl<F: SessionFactory> TransactionManager<Session<F>> for SessionTransactionManager {
    type TransactionStateData = TransactionState;

    async fn begin_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        conn.open_savepoint();
        Ok(())
    }

    async fn rollback_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        match conn.innermost_savepoint() {
            Some(level) => Ok(conn.roll_back_to(level).await?),
            None => Err(Error::NotInTransaction),
        }
    }

    async fn commit_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        match conn.innermost_savepoint() {
            Some(level) => Ok(conn.release_savepoint(level)?),
            None => Err(Error::NotInTransaction),
        }
    }

    fn transaction_manager_status_mut(conn: &mut Session<F>) -> &mut TransactionManagerStatus {
        &mut conn.transaction_state().status
    }

    // An `async fn` could not say that its future lives no longer than the connection.
    #[allow(clippy::manual_async_fn)]
    fn transaction<'a, 'conn, B, R, E>(
        conn: &'conn mut Session<F>,
        callback: B,
    ) -> impl Future<Output = Result<R, E>> + Send + 'conn
    where
        for<'r> B: AsyncFnOnce(&'r mut Session<F>) -> Result<R, E>
            + AsyncBody<&'r mut Session<F>, Result<R, E>>
            + Send
            + 'a,
        E: From<Error> + Send,
        R: Send,
        'a: 'conn,
    {
        async move {
            super::savepoint::run(conn, callback, |error: SessionError| E::from(error.into())).await
        }
    }

    fn is_broken_transaction_manager(_conn: &mut Session<F>) -> bool {
        false
    }
}
