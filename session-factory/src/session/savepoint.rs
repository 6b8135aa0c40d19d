//! Savepoints: opened and released with the next statement, rolled back at once.

use super::{AsyncBody, Run, Session};
use crate::driver::TransactionStatus;
use crate::error::{AbortReason, Aborted, SessionError};
use crate::factory::SessionFactory;

impl<F: SessionFactory> Session<F> {
    /// Runs `body` inside a savepoint. On `Err` the session rolls the body's work back, and the transaction goes on.
    ///
    /// SAVEPOINT travels with the body's first statement, RELEASE with the first statement after the body: a savepoint
    /// costs no round trip of its own unless it is rolled back.
    ///
    /// # What the compiler says about a body
    /// "Not general enough", "type annotations needed" and "does not implement `Fn`" are explained, with what to write,
    /// at [`Factory::with_session`](crate::Factory::with_session).
    ///
    /// # Errors
    /// The body's `Err`; or a [`SessionError`], as the body's error type, when the session cannot release the savepoint
    /// or roll back to it.
    ///
    /// # Cancellation
    /// Dropping the future cancels the running statement, and the session rolls back to the savepoint ahead of the next
    /// statement.
    #[doc(alias("begin", "begin_nested", "nested", "start_transaction"))]
    pub fn savepoint<'a, 'conn, T, E, B>(&'conn mut self, body: B) -> Run<'conn, T, E>
    where
        for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send + 'a,
        T: Send + 'conn,
        E: From<SessionError> + Send + 'conn,
        'a: 'conn,
    {
        Run::new(run(self, body, E::from))
    }

    /// Opens a savepoint and returns its level.
    pub(super) fn open_savepoint(&mut self) -> u32 {
        self.hooks.mark();
        self.state.savepoint()
    }

    /// Returns the level of the innermost open savepoint.
    pub(super) fn innermost_savepoint(&self) -> Option<u32> {
        match self.state.depth() {
            0 => None,
            level => Some(level),
        }
    }

    /// Releases a savepoint.
    ///
    /// # Errors
    /// Fails when the server has given the savepoint up already, which a release would hide. Fails when the caller
    /// began a deeper savepoint by hand and has not ended that one.
    pub(super) async fn release_savepoint(&mut self, level: u32) -> Result<(), SessionError> {
        let watched = self.look().await?;
        if let Err(error) = self.state.check(&watched) {
            return Err(self.state.of_savepoint(level, error));
        }
        let reason = match watched {
            TransactionStatus::Failed(error) if self.state.is_begun() => {
                Some(self.state.because(error))
            }
            TransactionStatus::Unbalanced => Some(AbortReason::OpenSavepoint),
            _ if self.state.depth() > level => {
                return Err(Aborted::in_savepoint(AbortReason::OpenSavepoint).into());
            }
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(self.state.aborted(reason));
        }
        self.state.release(level);
        self.hooks.keep_marked(level);
        Ok(())
    }

    /// Sends SAVEPOINT or RELEASE at once if the caller has set an instrumentation, which then sees them at the same
    /// point as on diesel-async's own connections.
    ///
    /// # Errors
    /// The same as for a statement.
    pub(super) async fn flush_if_observed(&mut self) -> Result<(), SessionError> {
        if self.observed {
            // Boxed, because it would enlarge each savepoint's future.
            Box::pin(self.send_prelude()).await?;
        }
        Ok(())
    }

    /// Rolls back to a savepoint and removes it from the session's state.
    ///
    /// # Errors
    /// Fails when the body's SQL has committed the savepoint's work, or may have.
    pub(super) async fn roll_back_to(&mut self, level: u32) -> Result<(), SessionError> {
        let watched = self.look().await?;
        let kept = self.state.note_end(&watched).or_else(|| {
            let is_gone = self.state.is_gone(level);
            is_gone.then(|| self.state.kept())
        });
        if let Some(error) = kept {
            self.abandon(level);
            return Err(self.give_up(error).await);
        }
        if self.abandon(level) {
            self.send_prelude().await?;
        }
        self.hooks.undone().await;
        Ok(())
    }

    /// Marks a savepoint to be rolled back. Returns true if the session has to send ROLLBACK TO.
    pub(super) fn abandon(&mut self, level: u32) -> bool {
        self.hooks.drop_marked(level);
        if self.state.is_gone(level) {
            // The savepoint's work is committed; the transaction's end reports that in place of the body's `Ok`.
            let _kept = self.state.kept();
        }
        self.state.undo(level)
    }
}

/// An open savepoint. If it is dropped before it was left, the session rolls it back before the next statement.
#[derive(Debug)]
#[doc(hidden)]
pub struct Savepoint<'conn, F: SessionFactory> {
    session: &'conn mut Session<F>,
    level: u32,
    /// The level of the savepoint of the enclosing closure.
    outer: u32,
    left: bool,
}

impl<'conn, F: SessionFactory> Savepoint<'conn, F> {
    /// Opens a savepoint without a round trip.
    pub fn open(session: &'conn mut Session<F>) -> Self {
        let level = session.open_savepoint();
        let outer = session.state.set_closure_level(level);
        Self {
            session,
            level,
            outer,
            left: false,
        }
    }

    /// Returns the session for the body.
    pub fn session(&mut self) -> &mut Session<F> {
        self.session
    }

    /// Releases the savepoint if `keep`, otherwise rolls back to it.
    ///
    /// # Errors
    /// The error that replaces the body's result.
    #[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
    pub(super) fn leave(
        mut self,
        keep: bool,
    ) -> impl Future<Output = Result<(), SessionError>> + Send {
        async move {
            self.left = true;
            let level = self.level;
            if keep {
                match self.session.release_savepoint(level).await {
                    Ok(()) => self.session.flush_if_observed().await,
                    Err(aborted) => {
                        // `Ok` would claim that the work is kept, but it is not: the call fails instead.
                        let _already_failing = self.session.roll_back_to(level).await;
                        Err(aborted)
                    }
                }
            } else {
                match self.session.roll_back_to(level).await {
                    // The body's error says more than these. The transaction's end reports that the transaction is
                    // gone.
                    Ok(()) | Err(SessionError::Aborted(_) | SessionError::Query(_)) => Ok(()),
                    Err(worse) => Err(worse),
                }
            }
        }
    }
}

impl<F: SessionFactory> Drop for Savepoint<'_, F> {
    fn drop(&mut self) {
        self.session.state.set_closure_level(self.outer);
        if !self.left {
            self.session.abandon(self.level);
        }
    }
}

pub(super) async fn run<F, B, T, E>(
    session: &mut Session<F>,
    body: B,
    error: impl Fn(SessionError) -> E + Send,
) -> Result<T, E>
where
    F: SessionFactory,
    for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send,
    T: Send,
    E: Send,
{
    let mut savepoint = Savepoint::open(session);
    if let Err(failed) = savepoint.session.flush_if_observed().await {
        return Err(error(failed));
    }
    let result = body(savepoint.session()).await;
    match savepoint.leave(result.is_ok()).await {
        Ok(()) => result,
        Err(worse) => Err(error(worse)),
    }
}
