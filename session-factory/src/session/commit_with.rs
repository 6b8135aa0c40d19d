//! The last statement and COMMIT in one round trip.

use diesel::backend::Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::{QueryResult, debug_query};

#[cfg(feature = "testing")]
use diesel_async::AsyncConnectionCore;

use super::events::{self, EndStatement, ObservedEnd};
#[cfg(feature = "testing")]
use super::faults::Struck;
use super::statement::{Lines, Seen};
use super::{Session, statement};
use crate::driver::{CommitOutcome, CommitSent, Driver, DriverConnection, Untyped};
use crate::error::{SessionError, StatementError, TransactionOutcome};
use crate::factory::SessionFactory;

impl<F: SessionFactory> Session<F> {
    /// Runs a transaction's last statement and commits, in one round trip. Returns the number of rows that the
    /// statement changed.
    ///
    /// The session sends COMMIT directly after the statement, without waiting for the statement's answer. Afterwards
    /// the session is in the same state as after [`commit`](Self::commit): the next statement begins another
    /// transaction, and an annotated function that ends with this call has nothing left to commit.
    ///
    /// A statement that the connection runs for the first time takes one more round trip to be prepared. In an
    /// external pool ([`from_pool`](crate::Factory::from_pool)) and on MySQL, COMMIT waits for the statement's
    /// answer, which makes two round trips: MySQL would commit even after a failed statement. On SQLite the
    /// connection's thread does both in one piece of work.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use session_factory::{Session, SessionError, session_factory, with_session};
    /// # diesel::table! { users (id) { id -> Integer, name -> Text, } }
    /// # session_factory! { pub struct AppDb(Sqlite); }
    /// #[with_session]
    /// async fn rename(db: &mut Session<AppDb>, id: i32, name: &str) -> Result<bool, SessionError> {
    ///     let renamed = diesel::update(users::table.find(id)).set(users::name.eq(name));
    ///     Ok(db.commit_with(renamed).await? == 1)
    /// }
    /// ```
    ///
    /// # Errors
    /// - [`SessionError::Query`] when the statement fails: nothing is committed, and the transaction is rolled back. As
    ///   after any failed statement, the session then fails with [`SessionError::Aborted`] until
    ///   [`rollback`](Self::rollback), so the call of a body that ignores the error cannot succeed.
    /// - [`SessionError::Aborted`], without running the statement, where [`commit`](Self::commit) would return it.
    /// - [`SessionError::InSavepoint`] inside a savepoint.
    /// - Otherwise as [`commit`](Self::commit).
    ///
    /// # Cancellation
    /// Until COMMIT is sent, as for a statement. From then on both run to their end on the server; the caller does not
    /// learn the outcome, and [`after_commit`](Self::after_commit) hooks run if the server confirms the commit.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub fn commit_with<T>(
        &mut self,
        statement: T,
    ) -> impl Future<Output = Result<usize, SessionError>> + Send
    where
        T: QueryFragment<<F::Driver as Driver>::Backend> + QueryId + Send,
        <<F::Driver as Driver>::Backend as Backend>::QueryBuilder: Default,
    {
        async move {
            self.outside_of_savepoints("commit_with")?;
            let ended = self.end_with(statement).await;
            match &ended {
                Ok(_) => self.state.note_result(&Ok(())),
                Err(error) => {
                    self.state.lose(error);
                    if let Some(monitor) = &mut self.state.monitor {
                        monitor.failed(error);
                    }
                }
            }
            self.hooks.over(TransactionOutcome::of(&ended)).await;
            ended
        }
    }

    async fn end_with<T>(&mut self, statement: T) -> Result<usize, SessionError>
    where
        T: QueryFragment<<F::Driver as Driver>::Backend> + QueryId + Send,
    {
        #[cfg(feature = "testing")]
        if self.test.as_ref().is_some_and(Struck::waits_for_commit) {
            // The fault can strike only a COMMIT that is sent by itself.
            let rows = AsyncConnectionCore::execute_returning_count(self, statement).await?;
            return self.end_by_commit().await.map(|()| rows);
        }
        let watched = self.look().await?;
        if let Some(error) = self.state.verdict(&watched) {
            return Err(self.give_up(error).await);
        }
        if let Some(lease) = &mut self.lease {
            lease.committing();
        }
        let (connection, state) = self.parts()?;
        let lines = Lines::of(state, || {
            let statement = debug_query::<<F::Driver as Driver>::Backend, _>(&statement);
            format!("{statement}; COMMIT")
        });
        let monitor = state.monitor.as_ref().map(|monitor| {
            let text = || statement::text_of::<F::Driver>(Untyped::of(&statement));
            monitor.statement(text, || connection.server_errors())
        });
        let seen = Seen { lines, monitor };
        let sent = CommitSent::default();
        let prelude = events::prelude(connection, state);
        // Boxed like every statement, to keep callers' futures small.
        let last = connection.execute_and_commit(prelude, statement, sent.clone());
        let last = Box::pin(last);
        let (result, commit) = statement::last(state, seen, last, sent).await;
        if let (Some(reply), Some(lease)) = (&commit, &mut self.lease)
            && let Some(observed) =
                ObservedEnd::start(lease.connection(), &self.state, EndStatement::Commit)
        {
            // Reported once both were answered, as if COMMIT had waited for the statement.
            observed.replied(reply);
        }
        match (result, commit) {
            (Ok(rows), Some(CommitOutcome::Committed)) => {
                self.note_commit();
                Ok(rows)
            }
            (result, commit) => Box::pin(self.outcome(result, commit)).await,
        }
    }

    async fn outcome(
        &mut self,
        result: QueryResult<usize>,
        commit: Option<CommitOutcome>,
    ) -> Result<usize, SessionError> {
        match (result, commit) {
            (Ok(rows), Some(commit)) => self.committed(commit).await.map(|()| rows),
            (Ok(rows), None) => self.end_by_commit().await.map(|()| rows),
            (Err(error), Some(CommitOutcome::Committed)) => {
                // The client's error about the answer does not undo the server's commit.
                self.note_commit();
                Err(SessionError::CommitUnknown(StatementError::from(&error)))
            }
            (Err(_), Some(commit @ CommitOutcome::Unknown(_))) => {
                self.committed(commit).await.map(|()| 0)
            }
            (Err(error), Some(_)) => {
                self.state.ended();
                self.state.gave_up(&error);
                Err(error.into())
            }
            (Err(error), None) => {
                // If the rollback fails, the session closes the connection, which rolls back as well.
                let _closed_instead = self.end_by_rollback().await;
                self.state.gave_up(&error);
                Err(error.into())
            }
        }
    }
}
