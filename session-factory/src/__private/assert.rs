//! What the generated code asks of the types in an annotated function's signature, in words that
//! the author of that function understands.

use super::{IsSession, Options, Origin, SessionParam, Unit};
use crate::{Session, SessionError, SessionFactory};

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
