//! What the generated code asks of the types in an annotated function's signature, in words that
//! the author of that function understands.

use super::{IsSession, Options, Origin, SessionParam, Unit};
use crate::{Session, SessionError, SessionFactory};

/// The return type of an annotated function: `Result<T, E>`, under whatever alias.
#[diagnostic::on_unimplemented(
    message = "`#[with_session]` needs a function that returns `Result<T, E>`, and this one returns `{Self}`",
    label = "not a `Result`",
    note = "`Ok` commits and `Err` rolls back: write `-> Result<{Self}, E>`, where `E: From<SessionError>`"
)]
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
    message = "the error type `{Self}` cannot carry the errors of the session itself",
    label = "`{Self}` does not implement `From<SessionError>`",
    note = "a session may fail to open or to commit: write `impl From<session_factory::SessionError> for {Self}`, \
            or with thiserror a variant `#[error(transparent)] Session(#[from] session_factory::SessionError)`"
)]
pub trait CarriesSessionError: From<SessionError> {}

// Without this the compiler recommends the bound of the blanket impl instead of saying the above.
#[diagnostic::do_not_recommend]
impl<E: From<SessionError>> CarriesSessionError for E {}

/// Opens the session of a function that takes a `P` behind `&mut`.
pub async fn open<P: IsSession>(
    origin: &'static Origin,
    options: Options,
) -> Result<Unit<P::Factory>, SessionError> {
    Unit::open(origin, options).await
}

/// Opens a session of the factory that the attribute names.
pub async fn open_of<F: SessionFactory>(
    origin: &'static Origin,
    options: Options,
) -> Result<Unit<F>, SessionError> {
    Unit::open(origin, options).await
}

/// Makes the session what the function takes.
pub fn prepare<'s, P, F>(
    session: &'s mut Session<F>,
) -> impl Future<Output = Result<&'s mut P, SessionError>> + Send
where
    P: SessionParam<F> + 's,
    F: SessionFactory,
{
    P::prepare(session)
}

/// What an annotated function's return type has to be able to do. All that is asked of the type is
/// asked where this is made, so that a type that cannot is one error and not one for each use.
#[derive(Debug)]
pub struct Contract<R> {
    is_ok: fn(&R) -> bool,
    from_error: fn(SessionError) -> R,
}

/// The contract of a return type.
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
    pub fn fail(&self, error: SessionError) -> R {
        (self.from_error)(error)
    }

    /// Ends the session by what the function returned: commits on `Ok`, rolls back on `Err`.
    pub async fn finish<F: SessionFactory>(self, unit: Unit<F>, result: R) -> R {
        let end = if (self.is_ok)(&result) {
            Ok(())
        } else {
            Err(End::OfTheBody)
        };
        match unit.finish(end).await {
            Ok(()) | Err(End::OfTheBody) => result,
            Err(End::OfTheSession(error)) => self.fail(error),
        }
    }
}

/// Why there is nothing to return but an error.
enum End {
    /// The function said so.
    OfTheBody,
    /// Its `Ok` could not be committed.
    OfTheSession(SessionError),
}

impl From<SessionError> for End {
    fn from(error: SessionError) -> Self {
        End::OfTheSession(error)
    }
}

/// Gives an inlined body the return type that its function declares, so that `?` and `return` in it
/// mean what they mean in the function.
pub fn returns<R, Body>(body: Body) -> Body
where
    Body: Future<Output = R>,
{
    body
}
