//! What the generated code asks of the types in an annotated function's signature, in words that
//! the author of that function understands.

use super::{IsSession, Options, Origin, SessionParam, Unit};
use crate::factory::global;
use crate::{Session, SessionError, SessionFactory};

/// Opens the session of a function that takes a `P` behind `&mut`.
pub fn open<P: IsSession>(
    origin: Origin,
    options: Options,
) -> impl Future<Output = Result<Unit<P::Factory>, SessionError>> + Send {
    Unit::open(global::factory::<P::Factory>, origin, options)
}

/// Opens a session of the factory that the attribute names.
pub fn open_of<F: SessionFactory>(
    origin: Origin,
    options: Options,
) -> impl Future<Output = Result<Unit<F>, SessionError>> + Send {
    Unit::open(global::factory::<F>, origin, options)
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
