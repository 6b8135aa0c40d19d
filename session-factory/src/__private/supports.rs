//! Options that only some backends or factories support. The compiler checks them where they are written.

use std::marker::PhantomData;

use super::{IsSession, Opens};
use crate::factory::{PoolOfOne, SessionFactory};

impl<F: SessionFactory> Opens<F> {
    /// Returns the driver's type, whose traits say what the driver supports.
    pub const fn driver(self) -> PhantomData<F::Driver> {
        PhantomData
    }
}

/// Checks `requires_new`: a pool configured with one connection has no second one. The expansion
/// calls `(&RequiresNew::<P>::new()).check()`. If the compiler knows the factory, it finds the
/// inherent method first, which does not compile for such a pool. In a function that is generic
/// over the factory, it finds the trait's method, which compiles.
#[derive(Debug, Default)]
pub struct RequiresNew<P>(PhantomData<P>);

impl<P> RequiresNew<P> {
    /// Begins the check.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P> RequiresNew<P>
where
    P: IsSession,
    P::Factory: SessionFactory<Pool = PoolOfOne>,
{
    /// Does not compile: the pool has one connection.
    pub fn check(&self)
    where
        P::Factory: HasSecondConnection,
    {
    }
}

/// The check for all other pools.
pub trait RequiresNewElsewhere {
    /// Compiles: a second connection may exist.
    fn check(&self) {}
}

impl<P> RequiresNewElsewhere for &RequiresNew<P> {}

/// What a factory with a [`PoolOfOne`] lacks. No type implements it, because it is checked for such
/// factories only.
#[diagnostic::on_unimplemented(
    message = "`requires_new` needs a second connection, and the pool of `{Self}` has one",
    label = "there is no second connection",
    note = "raise `pool_size` or `max_overflow` in `session_factory!`; or remove `requires_new`, and join the caller's session by calling the function's `_in` form"
)]
pub trait HasSecondConnection {}

/// The return type of a function named by `commit_on`.
#[diagnostic::on_unimplemented(
    message = "`commit_on` takes a function that returns `bool`, and this one returns `{Self}`",
    label = "not a `bool`",
    note = "write `fn decide(result: &Result<T, E>) -> bool`: true commits, false rolls back"
)]
pub trait Decision {
    /// True to commit, false to roll back.
    fn commits(self) -> bool;
}

#[diagnostic::do_not_recommend]
impl Decision for bool {
    fn commits(self) -> bool {
        self
    }
}

/// True if the call commits.
pub fn decision<D: Decision>(decision: D) -> bool {
    decision.commits()
}

/// An argument of a function with `retry`.
#[diagnostic::on_unimplemented(
    message = "`retry` runs the function again, and `{Self}` can be given to it only once",
    label = "`{Self}` is not `Clone`",
    note = "take it by reference (`&{Self}`) or in an `Arc`, derive `Clone` for it if it is a type of yours, or remove `retry`"
)]
pub trait RetryArgument: Sized {
    /// A copy for the next attempt.
    #[must_use]
    fn again(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<A: Clone> RetryArgument for A {
    fn again(&self) -> Self {
        self.clone()
    }
}

/// Returns the argument for one attempt.
pub fn again<A: RetryArgument>(argument: &A) -> A {
    argument.again()
}

/// An argument that a web framework extracts from a request.
#[diagnostic::on_unimplemented(
    message = "`retry` runs the function again, and `{Self}` can be given to it only once",
    label = "an extractor, and not `Clone`",
    note = "keep the extractor in the handler: call from there a function with `retry` that takes what is in it"
)]
pub trait RetryExtractor: Sized + Clone {}

#[diagnostic::do_not_recommend]
impl<A: Clone> RetryExtractor for A {}

/// Returns the extractor for one attempt.
pub fn again_for_extractor<A: RetryExtractor>(argument: &A) -> A {
    argument.clone()
}

/// The `self` of a function with `retry`.
#[diagnostic::on_unimplemented(
    message = "`retry` runs the function again, and the first run uses up this `self`",
    label = "`{Self}` is not `Clone`",
    note = "write `&self`, or derive `Clone` for `{Self}`"
)]
pub trait RetrySelf: Sized + Clone {}

#[diagnostic::do_not_recommend]
impl<A: Clone> RetrySelf for A {}

/// Returns the `self` for one attempt.
pub fn again_for_self<A: RetrySelf>(argument: &A) -> A {
    argument.clone()
}

/// Returns an argument of a generic type for one attempt. The compiler's own message says where to write
/// `Clone`.
pub fn again_for_any<A: Clone>(argument: &A) -> A {
    argument.clone()
}
