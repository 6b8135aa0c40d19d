//! The parameters that a test may have.

use super::test::Test;
use super::wanted::Tests;
use crate::factory::{Factory, SessionFactory};

/// What a test of this factory may have as a parameter.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a test of `{F}` cannot have a parameter of the type `{Self}`",
    label = "this is neither `Test<{F}>` nor `Factory<{F}>`",
    note = "a test has no parameter, or some of `Test<{F}>` and `Factory<{F}>`"
)]
pub trait Parameter<F: SessionFactory> {
    /// Returns the running test's value.
    fn of(test: &Test<F>) -> Self;
}

impl<F: SessionFactory> Parameter<F> for Test<F> {
    fn of(test: &Test<F>) -> Self {
        test.clone()
    }
}

impl<F: SessionFactory> Parameter<F> for Factory<F> {
    fn of(test: &Test<F>) -> Self {
        test.factory().clone()
    }
}

/// The test's value for a parameter of this type.
///
/// # Panics
/// When the parameter's factory is none of the test's.
#[doc(hidden)]
#[track_caller]
#[allow(clippy::panic)] // how a test fails
pub fn parameter<P: Parameter<F>, F: SessionFactory>(tests: &Tests) -> P {
    match tests.get::<F>() {
        Some(test) => P::of(test),
        None => panic!(
            "`{factory}` is the factory of a parameter, and none of the test's: write \
             `#[session_factory::test(…, {factory}, fresh)]`",
            factory = F::NAME
        ),
    }
}
