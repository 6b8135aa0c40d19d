//! What a body's return type has to be able to do, in words that its author understands.

use std::ops::ControlFlow;

use super::bounded::Bounded;
use super::detach;
use super::savepoint::Savepoint;
use super::unit::{Next, Scope, Unit};
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

    /// Whether it is `Ok`.
    fn is_ok(&self) -> bool;
    /// An `Err`.
    fn from_error(error: Self::Error) -> Self;
}

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

// Without this the compiler recommends the bound of the blanket impl instead of saying the above.
#[diagnostic::do_not_recommend]
impl<E: From<SessionError>> CarriesSessionError for E {}

/// What a return type has to be able to do. All that is asked of the type is asked where this is made, so
/// that a type that cannot is one error and not one for each use.
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

/// The contract of a return type.
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
    /// The session could not be opened, or not be prepared: what the function returns then.
    pub fn fail(self, error: SessionError) -> R {
        (self.from_error)(error)
    }

    /// Runs the body, until the deadline if there is one.
    pub fn run<B: Future<Output = R>>(self, scope: Scope, body: B) -> Bounded<B> {
        Bounded::new(scope, body, self.from_error)
    }

    /// Runs the whole call in a task of its own, which a caller that goes away does not stop.
    pub fn detach<F, B>(self, call: B) -> impl Future<Output = R>
    where
        F: SessionFactory,
        B: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        // A task is allocated anyway; the caller's future need not carry the call through each of its layers.
        let call = Box::pin(call);
        async move {
            match global::factory::<F>() {
                Ok(factory) => self.detach_from(factory, call).await,
                Err(error) => self.fail(error),
            }
        }
    }

    /// The same with a factory at hand.
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

    /// Ends the session by what the function returned: commits on `Ok`, rolls back on `Err`.
    pub fn finish<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
    ) -> impl Future<Output = R> {
        let commit = (self.is_ok)(&result);
        self.finish_by(unit, result, commit)
    }

    /// Ends the session as `commit_on` decided.
    pub async fn finish_by<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
        commit: bool,
    ) -> R {
        let ended = unit.finish(commit).await;
        self.verdict(result, ended)
    }

    /// Ends the session by what the function returned, and opens another in its place when the whole is to run
    /// again.
    pub fn again<F: SessionFactory>(
        self,
        unit: &mut Unit<F>,
        result: R,
    ) -> impl Future<Output = ControlFlow<R>> {
        let commit = (self.is_ok)(&result);
        self.again_by(unit, result, commit)
    }

    /// The same as `commit_on` decided.
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

    /// Ends a savepoint by what the function returned.
    pub async fn release<F: SessionFactory>(self, savepoint: Savepoint<'_, F>, result: R) -> R {
        let kept = savepoint.leave((self.is_ok)(&result)).await;
        match kept {
            Ok(()) => result,
            Err(error) => self.fail(error),
        }
    }

    /// What the caller gets.
    fn verdict(self, result: R, ended: Result<(), SessionError>) -> R {
        match ended {
            Ok(()) => result,
            // `commit_on` wanted an `Err` committed, and its own transaction had failed: the error says so.
            Err(SessionError::Aborted(_)) if !(self.is_ok)(&result) => result,
            Err(error) => self.fail(error),
        }
    }
}
