//! What a test's database has before the test begins.

use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::databases::{Databases, DatabasesOf, Setup, Tested};
use super::migrations::{self, Script, TestMigrations};
use super::names;
use crate::config::Settings;
use crate::driver::Driver;
use crate::error::{PartlyCommitted, SessionError};
use crate::factory::{Factory, FactoryConfig as _, SessionFactory};
use crate::session::Session;

/// The longest wait for sessions that the fixtures have left open.
const END: Duration = Duration::from_secs(5);

type Function<F> = Box<dyn for<'s> Fn(&'s mut Session<F>) -> LocalBoxFuture<'s, Setup<()>>>;

/// One entry of `fixtures = […]`.
#[doc(hidden)]
pub struct Fixture<F: SessionFactory> {
    /// As the test's author wrote it.
    pub(super) name: &'static str,
    kind: Kind<F>,
}

enum Kind<F: SessionFactory> {
    Sql(&'static str),
    Migrations(Setup<Vec<Script>>),
    Function(Function<F>),
}

impl<F: SessionFactory> fmt::Debug for Fixture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a fixture returns.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a fixture returns nothing or `Result<(), E>`, not `{Self}`",
    label = "this returns something else",
    note = "a fixture runs once for many tests, so what it returns would be lost: call the function in the test, or wrap it \
            in one that returns `Result<(), E>`"
)]
pub trait FixtureResult {
    /// Why the fixture has failed.
    fn done(self) -> Result<(), String>;
}

impl FixtureResult for () {
    fn done(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Debug> FixtureResult for Result<(), E> {
    fn done(self) -> Result<(), String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

impl<F: SessionFactory> Fixture<F> {
    /// A file's text.
    pub fn sql(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Sql(text),
        }
    }

    /// Diesel's migrations.
    pub fn migrations<M>(name: &'static str, source: &M) -> Self
    where
        M: TestMigrations<<F::Driver as Driver>::Backend>,
    {
        Self {
            name,
            kind: Kind::Migrations(migrations::read(source)),
        }
    }

    /// A function.
    pub fn function<B>(name: &'static str, function: B) -> Self
    where
        B: for<'s> FixtureFunction<'s, F>,
    {
        let function: Function<F> = Box::new(move |session| function.start(session));
        Self {
            name,
            kind: Kind::Function(function),
        }
    }

    /// A hash of the SQL, which a template depends on. A function's is not known.
    pub(super) fn text(&self) -> Option<String> {
        match &self.kind {
            Kind::Sql(text) => Some(names::hash(text)),
            Kind::Migrations(scripts) => Some(names::hash(scripts)),
            Kind::Function(_) => None,
        }
    }

    /// Runs the fixture and commits it: a function in its own session, SQL without one.
    async fn run<D: Databases>(&self, factory: &Factory<F>, settings: &Settings) -> Setup<()> {
        let function = match &self.kind {
            Kind::Sql(text) => return D::run(settings, text).await,
            Kind::Migrations(scripts) => {
                return migrations::run::<D>(scripts.as_ref().map_err(Clone::clone)?, settings)
                    .await;
            }
            Kind::Function(function) => function,
        };
        let in_words = |error: SessionError| error.to_string();
        let mut session = factory.create_session().await.map_err(in_words)?;
        function(&mut session).await?;
        match session.commit().await {
            // MySQL commits before and after each statement that changes the schema: nothing is lost.
            Ok(()) | Err(SessionError::PartlyCommitted(PartlyCommitted::EndedByBody(_))) => Ok(()),
            Err(error) => Err(in_words(error)),
        }
    }
}

/// A function that is a fixture of this factory.
#[doc(hidden)]
pub trait FixtureFunction<'s, F: SessionFactory>: 'static {
    /// Calls it.
    fn start(&self, session: &'s mut Session<F>) -> LocalBoxFuture<'s, Result<(), String>>;
}

impl<'s, F, B, R> FixtureFunction<'s, F> for B
where
    F: SessionFactory,
    B: Fn(&'s mut Session<F>) -> R + 'static,
    R: Future<Output: FixtureResult> + 's,
{
    fn start(&self, session: &'s mut Session<F>) -> LocalBoxFuture<'s, Result<(), String>> {
        let running = self(session);
        Box::pin(async move { running.await.done() })
    }
}

/// Runs all fixtures, in their order, on the database of this configuration. Functions that they call use its factory.
pub(super) async fn run_all<F: SessionFactory<Driver: Tested>>(
    fixtures: &[Fixture<F>],
    config: F::Config,
) -> Setup<()> {
    let settings = config.settings();
    let factory = Factory::<F>::new(config);
    let run = async {
        for fixture in fixtures {
            let ran = fixture.run::<DatabasesOf<F>>(&factory, &settings).await;
            ran.map_err(|error| format!("the fixture `{}` failed: {error}", fixture.name))?;
        }
        Ok(())
    };
    let ran = factory.scope(run).await;
    factory.shutdown(END).await;
    ran
}
