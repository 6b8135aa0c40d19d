//! What the generated code asks of the types in an annotated function's signature, in words that
//! the author of that function understands.

use std::panic::Location;

use super::{IsSession, Options, Origin, SessionParam, Unit};
use crate::factory::global;
use crate::{Session, SessionError, SessionFactory};

/// Opens the session of a function that takes a `P` behind `&mut`: of this name, in this module, where it calls this.
#[track_caller]
pub fn open<P: IsSession>(
    function: &'static str,
    module: &'static str,
) -> impl Future<Output = Result<Unit<P::Factory>, SessionError>> + Send {
    open_of_with(function, module, Options::new())
}

/// The same with options.
#[track_caller]
pub fn open_with<P: IsSession>(
    function: &'static str,
    module: &'static str,
    options: Options,
) -> impl Future<Output = Result<Unit<P::Factory>, SessionError>> + Send {
    open_of_with(function, module, options)
}

/// Opens a session of the factory that the attribute names.
#[track_caller]
pub fn open_of<F: SessionFactory>(
    function: &'static str,
    module: &'static str,
) -> impl Future<Output = Result<Unit<F>, SessionError>> + Send {
    open_of_with(function, module, Options::new())
}

/// The same with options.
#[track_caller]
pub fn open_of_with<F: SessionFactory>(
    function: &'static str,
    module: &'static str,
    options: Options,
) -> impl Future<Output = Result<Unit<F>, SessionError>> + Send {
    let origin = Origin::of_function(function, module, Location::caller());
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
