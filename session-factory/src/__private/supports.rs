//! Options that only some backends, or some factories, have: asked where the option stands.

use super::{DriverOf, IsSession};
use crate::driver::{SupportsDeferrable, SupportsImmediate, SupportsIsolation};
use crate::factory::SessionFactory;

/// `isolation = "…"`
pub const fn supports_isolation<P, L>()
where
    P: IsSession,
    DriverOf<P::Factory>: SupportsIsolation<L>,
{
}

/// `deferrable`
pub const fn supports_deferrable<P>()
where
    P: IsSession,
    DriverOf<P::Factory>: SupportsDeferrable,
{
}

/// `immediate`
pub const fn supports_immediate<P>()
where
    P: IsSession,
    DriverOf<P::Factory>: SupportsImmediate,
{
}

/// `requires_new`: a pool that is written down as one connection has no second one to give.
pub const fn supports_requires_new<P: IsSession>() {
    const {
        assert!(
            !matches!(<P::Factory as SessionFactory>::FIXED_LIMIT, Some(0 | 1)),
            "`requires_new` needs a second connection, and this factory's pool_size and max_overflow allow one: \
             raise max_overflow, or call the function's `_in` form to join the session"
        );
    }
}

/// An argument of a function with `retry`.
#[diagnostic::on_unimplemented(
    message = "`retry` runs the function again, and `{Self}` can be given to it only once",
    label = "`{Self}` is not `Clone`",
    note = "derive `Clone` for it, take it by reference (`&{Self}`) or in an `Arc`, or remove `retry`"
)]
pub trait RetryArgument: Sized {
    /// One for the next attempt.
    #[must_use]
    fn again(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<A: Clone> RetryArgument for A {
    fn again(&self) -> Self {
        self.clone()
    }
}

/// The argument for one attempt.
pub fn again<A: RetryArgument>(argument: &A) -> A {
    argument.again()
}
