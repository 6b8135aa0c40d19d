//! Savepoints: lazy to open and to release, prompt to roll back.

use super::{AsyncBody, Session};
use crate::error::{AbortReason, Aborted, SessionError};
use crate::factory::SessionFactory;

impl<F: SessionFactory> Session<F> {
    /// Runs `body` inside a savepoint. On `Err` what it did is rolled back and the transaction can go on.
    ///
    /// SAVEPOINT travels with the first statement of the body, RELEASE with the first one after it: a
    /// savepoint costs no round trip of its own unless it is rolled back.
    ///
    /// # Errors
    /// What the body returns; or a [`SessionError`], as the body's error type, when rolling back to the
    /// savepoint fails.
    ///
    /// # Cancellation
    /// Dropping the future rolls back to the savepoint, ahead of the next statement. A statement that was
    /// running is cancelled.
    pub async fn savepoint<'a, 'conn, T, E, B>(&'conn mut self, body: B) -> Result<T, E>
    where
        for<'s> B: AsyncFnOnce(&'s mut Session<F>) -> Result<T, E>
            + AsyncBody<&'s mut Session<F>, Result<T, E>>
            + Send
            + 'a,
        T: Send,
        E: From<SessionError> + Send,
        'a: 'conn,
    {
        run(self, body, E::from).await
    }

    /// Opens a savepoint; its level.
    pub(super) fn open_savepoint(&mut self) -> u32 {
        self.hooks.mark();
        self.work.savepoint()
    }

    /// The level of the innermost open savepoint.
    pub(super) fn innermost_savepoint(&self) -> Option<u32> {
        match self.work.depth() {
            0 => None,
            level => Some(level),
        }
    }

    /// Releases a savepoint.
    ///
    /// # Errors
    /// When the server has given it up already: releasing would only hide that.
    pub(super) fn release_savepoint(&mut self, level: u32) -> Result<(), SessionError> {
        use crate::driver::{Driver, Watched};
        let Some(lease) = &mut self.lease else {
            return Err(SessionError::Closed);
        };
        let watched = F::Driver::watch(lease.link());
        self.work.check(&watched)?;
        if let (true, Watched::Failed(error)) = (self.work.is_begun(), watched) {
            let reason: AbortReason = self.work.because(error);
            return Err(Aborted::new(reason).into());
        }
        self.work.release(level);
        self.hooks.keep_marked(level);
        Ok(())
    }

    /// Rolls back to a savepoint and forgets it.
    pub(super) async fn roll_back_to(&mut self, level: u32) -> Result<(), SessionError> {
        if self.abandon(level) {
            self.flush().await?;
        }
        self.hooks.undone().await;
        Ok(())
    }

    /// Marks a savepoint as to be rolled back. True when the server has to be told.
    fn abandon(&mut self, level: u32) -> bool {
        self.hooks.drop_marked(level);
        self.work.undo(level)
    }
}

/// Rolls the savepoint back when the body is dropped half-way.
struct Inside<'conn, F: SessionFactory> {
    session: &'conn mut Session<F>,
    level: u32,
    left: bool,
}

impl<F: SessionFactory> Drop for Inside<'_, F> {
    fn drop(&mut self) {
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
    for<'s> B: AsyncFnOnce(&'s mut Session<F>) -> Result<T, E>
        + AsyncBody<&'s mut Session<F>, Result<T, E>>
        + Send,
    T: Send,
    E: Send,
{
    let level = session.open_savepoint();
    let mut inside = Inside {
        session,
        level,
        left: false,
    };
    let result = body(&mut *inside.session).await;
    inside.left = true;
    match result {
        Ok(value) => match inside.session.release_savepoint(level) {
            Ok(()) => Ok(value),
            Err(aborted) => {
                // `Ok` means kept: it is not, so the caller hears of it.
                let _already_failing = inside.session.roll_back_to(level).await;
                Err(error(aborted))
            }
        },
        Err(own) => match inside.session.roll_back_to(level).await {
            // The caller's error says more than that its transaction is gone as well; the end of the
            // transaction will say that.
            Ok(()) | Err(SessionError::Aborted(_) | SessionError::Query(_)) => Err(own),
            Err(worse) => Err(error(worse)),
        },
    }
}
