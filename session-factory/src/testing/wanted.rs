//! The factories of a test, each with its fixtures. What runs a test does not depend on their types.

use std::any::{Any, TypeId};
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use super::databases::{Setup, Tested};
use super::fixture::Fixture;
use super::lease::Lease;
use super::plan::Plan;
use super::strays;
use super::test::Test;
use crate::call::{AnyFactory, TestContext, VirtualSessions};
use crate::factory::SessionFactory;

/// A factory that the attribute names, and what its database has before the test begins.
#[doc(hidden)]
#[derive(Debug)]
pub struct Wanted<F: SessionFactory>(Vec<Fixture<F>>);

impl<F: SessionFactory> Wanted<F> {
    /// A factory with these fixtures.
    pub fn new(fixtures: Vec<Fixture<F>>) -> Self {
        Self(fixtures)
    }
}

/// A [`Wanted`] of any factory.
#[doc(hidden)]
#[allow(private_interfaces)] // the crate's own
pub trait WantedFactory {
    /// Gives the factory a database. A test takes `first` the one of its first factory.
    fn take<'a>(
        &'a self,
        plan: &'a Plan,
        first: bool,
        sessions: &'a Arc<VirtualSessions>,
    ) -> LocalBoxFuture<'a, Setup<Box<dyn Taken>>>;
}

/// The database of one of a test's factories.
pub(super) trait Taken {
    fn factory(&self) -> AnyFactory;
    /// The factory's `Test`.
    fn test(&self, context: &Arc<TestContext>) -> (TypeId, Box<dyn Any>);
    /// As [`strays::ended`].
    fn strays<'a>(&'a self, plan: &'a Plan) -> LocalBoxFuture<'a, Result<(), String>>;
    /// As [`Lease::end`].
    fn end(self: Box<Self>, plan: &Plan) -> LocalBoxFuture<'_, Setup<()>>;
    /// As [`Lease::keep`].
    fn keep(self: Box<Self>, plan: &Plan) -> LocalBoxFuture<'_, Setup<Option<String>>>;
}

#[allow(private_interfaces)] // the crate's own
impl<F: SessionFactory<Driver: Tested>> WantedFactory for Wanted<F> {
    fn take<'a>(
        &'a self,
        plan: &'a Plan,
        first: bool,
        sessions: &'a Arc<VirtualSessions>,
    ) -> LocalBoxFuture<'a, Setup<Box<dyn Taken>>> {
        Box::pin(async move {
            let lease = Lease::<F>::take(plan, &self.0, first, sessions).await?;
            let taken: Box<dyn Taken> = Box::new(lease);
            Ok(taken)
        })
    }
}

impl<F: SessionFactory<Driver: Tested>> Taken for Lease<F> {
    fn factory(&self) -> AnyFactory {
        Box::new(self.factory.clone())
    }

    fn test(&self, context: &Arc<TestContext>) -> (TypeId, Box<dyn Any>) {
        (TypeId::of::<F>(), Box::new(Test::<F>::new(self, context)))
    }

    fn strays<'a>(&'a self, plan: &'a Plan) -> LocalBoxFuture<'a, Result<(), String>> {
        Box::pin(strays::ended(plan, &self.factory))
    }

    fn end(self: Box<Self>, plan: &Plan) -> LocalBoxFuture<'_, Setup<()>> {
        Box::pin(Lease::end(*self, plan))
    }

    fn keep(self: Box<Self>, plan: &Plan) -> LocalBoxFuture<'_, Setup<Option<String>>> {
        Box::pin(Lease::keep(*self, plan))
    }
}

/// The `Test`s of a running test, for its parameters.
#[doc(hidden)]
#[derive(Debug)]
pub struct Tests(pub(super) Vec<(TypeId, Box<dyn Any>)>);

impl Tests {
    /// The one of this factory.
    pub(super) fn get<F: SessionFactory>(&self) -> Option<&Test<F>> {
        let (_, test) = self.0.iter().find(|(of, _)| *of == TypeId::of::<F>())?;
        test.downcast_ref()
    }
}
