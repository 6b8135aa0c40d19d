//! What a body's return type must implement, with error messages for the body's author.

use std::ops::ControlFlow;

use super::detach;
use super::savepoint::Savepoint;
use super::unit_of_work::{Next, Scope, Unit};
use super::with_deadline::Bounded;
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory, global};

/// The return type of an annotated function: `Result<T, E>`, under whatever alias.
#[diagnostic::on_unimplemented(
    message = "`#[with_session]` needs a function that returns `Result<T, E>`, and this one returns `{Self}`",
    label = "not a `Result`",
    note = "`Ok` commits and `Err` rolls back: write `-> Result<{Self}, SessionError>`, or with an error type of your own"
)]
#[doc(hidden)]
pub trait ReturnsResult: Sized {
    /// The type in `Err`.
    type Error;

    /// True if the result is `Ok`.
    fn is_ok(&self) -> bool;
    /// Makes an `Err`.
    fn from_error(error: Self::Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E> ReturnsResult for Result<T, E> {
    type Error = E;

    fn is_ok(&self) -> bool {
        self.is_ok()
    }

    fn from_error(error: E) -> Self {
        Err(error)
    }
}

/// An error type that can carry a session's own errors.
#[diagnostic::on_unimplemented(
    message = "the error type `{Self}` cannot be made from a `SessionError`",
    label = "`{Self}` does not implement `From<SessionError>`",
    note = "a session may fail to open or to commit: write `impl From<session_factory::SessionError> for {Self}`, \
            or with thiserror a variant `#[error(transparent)] Session(#[from] session_factory::SessionError)`",
    note = "for an error type that is not yours, return `Result<T, session_factory::SessionError>` or \
            `Result<T, anyhow::Error>`; for a type parameter, write `{Self}: From<session_factory::SessionError>`"
)]
#[doc(hidden)]
pub trait CarriesSessionError: From<SessionError> {}

// Otherwise the compiler recommends the blanket impl's bound instead of the message above.
#[diagnostic::do_not_recommend]
impl<E: From<SessionError>> CarriesSessionError for E {}

/// What a return type must implement. All bounds are on `contract()`, so that the compiler
/// reports a wrong type once and not at each use.
#[derive(Debug)]
#[doc(hidden)]
pub struct Contract<R> {
    is_ok: fn(&R) -> bool,
    from_error: fn(SessionError) -> R,
}

impl<R> Clone for Contract<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Contract<R> {}

/// Makes the contract for a return type.
#[doc(hidden)]
pub fn contract<R>() -> Contract<R>
where
    R: ReturnsResult,
    R::Error: CarriesSessionError,
{
    Contract {
        is_ok: R::is_ok,
        from_error: |error| R::from_error(error.into()),
    }
}

impl<R> Contract<R> {
    /// Returns the function's result if its session could not be opened or prepared.
    pub fn fail(self, error: SessionError) -> R {
        (self.from_error)(error)
    }

    /// Runs the body, until the deadline if there is one.
    pub fn run<B: Future<Output = R>>(self, scope: Scope, body: B) -> Bounded<B> {
        Bounded::new(scope, body, self.from_error)
    }

    /// Runs the whole call in its own task, which goes on if the caller is dropped.
    pub fn detach<F, B>(self, call: B) -> impl Future<Output = R>
    where
        F: SessionFactory,
        B: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        // Boxed, so that the call does not grow each layer of the caller's future. The task allocates anyway.
        let call = Box::pin(call);
        async move {
            match global::factory::<F>() {
                Ok(factory) => self.detach_from(factory, call).await,
                Err(error) => self.fail(error),
            }
        }
    }

    /// Like `detach`, with a given factory.
    pub(super) async fn detach_from<F, B>(self, factory: Factory<F>, call: B) -> R
    where
        F: SessionFactory,
        B: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        match detach::run(factory, call).await {
            Ok(result) => result,
            Err(error) => self.fail(error),
        }
    }

    /// Ends the session by the function's result: commits on `Ok`, rolls back on `Err`.
    pub fn finish<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
    ) -> impl Future<Output = R> {
        let commit = (self.is_ok)(&result);
        self.finish_by(unit, result, commit)
    }

    /// Like `finish`, but commits if `commit_on` decided so.
    pub async fn finish_by<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
        commit: bool,
    ) -> R {
        let ended = unit.finish(commit).await;
        self.verdict(result, ended)
    }

    /// Ends the session by the function's result, and opens the next attempt's session if the call has to run again.
    pub fn again<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
    ) -> impl Future<Output = ControlFlow<R>> {
        let commit = (self.is_ok)(&result);
        self.again_by(unit, result, commit)
    }

    /// Like `again`, but commits if `commit_on` decided so.
    pub async fn again_by<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
        commit: bool,
    ) -> ControlFlow<R> {
        let failed = !(self.is_ok)(&result);
        match unit.again(commit, failed).await {
            Next::Done(ended) => ControlFlow::Break(self.verdict(result, ended)),
            Next::Again(next) => {
                *unit = *next;
                ControlFlow::Continue(())
            }
        }
    }

    /// Ends a savepoint by the function's result.
    pub async fn release<F: SessionFactory>(self, savepoint: Savepoint<'_, F>, result: R) -> R {
        let kept = savepoint.leave((self.is_ok)(&result)).await;
        match kept {
            Ok(()) => result,
            Err(error) => self.fail(error),
        }
    }

    /// Returns what the caller gets.
    fn verdict(self, result: R, ended: Result<(), SessionError>) -> R {
        match ended {
            Ok(()) => result,
            // `commit_on` wanted to commit an `Err`, but the transaction had failed: that `Err` says so already.
            Err(SessionError::Aborted(_)) if !(self.is_ok)(&result) => result,
            Err(error) => self.fail(error),
        }
    }
}
