//! The last statement and COMMIT in one flight.

use diesel::backend::Backend;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::{QueryResult, debug_query};

use super::events::{self, Told};
use super::statement::Lines;
use super::work::Ending;
use super::{Session, statement};
use crate::driver::{CommitReply, CommitSent, Driver};
use crate::error::{SessionError, StatementError, TransactionOutcome};
use crate::factory::SessionFactory;

impl<F: SessionFactory> Session<F> {
    /// Runs the last statement of a transaction and commits, in one round trip, and gives the number of rows
    /// that the statement changed.
    ///
    /// COMMIT is sent behind the statement without waiting for its answer. After it the session is as after
    /// [`commit`](Self::commit): the next statement begins another transaction, and an annotated function
    /// that ends with it has nothing left to commit.
    ///
    /// A statement that the connection runs for the first time takes a round trip to be prepared. Around a pool
    /// of the application's own ([`from_pool`](crate::Factory::from_pool)), and on MySQL, which commits behind a failed
    /// statement too, COMMIT waits for the statement's answer: two round trips.
    /// On SQLite both are one piece of work on the connection's thread.
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
    /// [`SessionError::Query`] when the statement fails: nothing is committed. Its transaction is rolled back,
    /// and as after any failed statement the session fails with [`SessionError::Aborted`] until
    /// [`rollback`](Self::rollback), so that a body that swallows the error cannot return `Ok`.
    /// [`SessionError::Aborted`], without running the statement, where [`commit`](Self::commit) would give it.
    /// [`SessionError::InSavepoint`] inside a savepoint. Otherwise as [`commit`](Self::commit).
    ///
    /// # Cancellation
    /// As for a statement until COMMIT was sent. From then on both are left to finish; the outcome is not known
    /// to the caller, and [`after_commit`](Self::after_commit) hooks run by what the server says.
    #[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
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
            if let Err(error) = &ended {
                self.work.lose(error);
            }
            self.hooks.over(TransactionOutcome::of(&ended)).await;
            ended
        }
    }

    async fn end_with<T>(&mut self, statement: T) -> Result<usize, SessionError>
    where
        T: QueryFragment<<F::Driver as Driver>::Backend> + QueryId + Send,
    {
        let watched = self.look().await?;
        if let Some(error) = self.work.verdict(watched) {
            return Err(self.give_up(error).await);
        }
        if let Some(lease) = &mut self.lease {
            lease.committing();
        }
        let (link, work) = self.parts()?;
        let lines = Lines::of(work, || {
            let statement = debug_query::<<F::Driver as Driver>::Backend, _>(&statement);
            format!("{statement}; COMMIT")
        });
        let sent = CommitSent::default();
        let ahead = events::ahead::<F::Driver>(link, work);
        // Boxed, as every statement is: the futures of callers stay small.
        let last = F::Driver::execute_and_commit(link, ahead, statement, sent.clone());
        let last = Box::pin(last);
        let (result, commit) = statement::last(work, lines, last, sent).await;
        if let (Some(reply), Some(lease)) = (&commit, &mut self.lease)
            && let Some(told) = Told::start::<F::Driver>(lease.link(), &self.work, Ending::Commit)
        {
            // Told when both are answered, as if COMMIT had waited for the statement.
            told.replied(reply);
        }
        match (result, commit) {
            (Ok(rows), Some(CommitReply::Committed)) => {
                self.note_commit();
                Ok(rows)
            }
            (result, commit) => Box::pin(self.outcome(result, commit)).await,
        }
    }

    async fn outcome(
        &mut self,
        result: QueryResult<usize>,
        commit: Option<CommitReply>,
    ) -> Result<usize, SessionError> {
        match (result, commit) {
            (Ok(rows), Some(commit)) => self.committed(commit).await.map(|()| rows),
            (Ok(rows), None) => self.end_by_commit().await.map(|()| rows),
            (Err(error), Some(CommitReply::Committed)) => {
                // What the client made of the server's answer does not undo it.
                self.note_commit();
                Err(SessionError::CommitUnknown(StatementError::from(&error)))
            }
            (Err(_), Some(commit @ CommitReply::Unknown(_))) => {
                self.committed(commit).await.map(|()| 0)
            }
            (Err(error), Some(_)) => {
                self.work.ended();
                self.work.gave_up(&error);
                Err(error.into())
            }
            (Err(error), None) => {
                // If that fails the connection is closed, which rolls back as well.
                let _closed_instead = self.end_by_rollback().await;
                self.work.gave_up(&error);
                Err(error.into())
            }
        }
    }
}
