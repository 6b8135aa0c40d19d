//! Requirements for the first parameter of an annotated function, with messages in the terms of
//! that function's author.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::Lends;
use super::{Contract, FactoryConfig, Options, Origin, Savepoint, Unit};
use crate::factory::global;
use crate::{Session, SessionError, SessionFactory};

/// The type after `&mut` in an annotated function's first parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session",
    label = "expected `Session<AppDb>`, with the factory's name for `AppDb`",
    note = "write `db: &mut Session<AppDb>` in its place; or in front of it, if it is something that the function works on",
    note = "for a function on a backend's own connection (`&mut AsyncPgConnection`) name the factory: `#[with_session(AppDb)]`"
)]
pub trait IsSession {
    /// The session's factory.
    type Factory: SessionFactory;
    /// Converts the session to `Self`, which is the same type.
    fn of_session(session: &mut Session<Self::Factory>) -> &mut Self;
    /// Converts `Self` to the session, which is the same type.
    fn session(&mut self) -> &mut Session<Self::Factory>;
}

/// The factory type, reached through its configuration: see [`FactoryConfig::Factory`].
type Itself<F> = <<F as SessionFactory>::Config as FactoryConfig>::Factory;

#[diagnostic::do_not_recommend]
impl<F: SessionFactory> IsSession for Session<F> {
    type Factory = Itself<F>;

    fn of_session(session: &mut Self) -> &mut Self {
        session
    }

    fn session(&mut self) -> &mut Self {
        self
    }
}

/// An annotated function's first parameter. Constructing it checks all requirements for its type,
/// and all later calls get the factory from it. So the compiler reports a type that is not a session
/// once, and not at each use.
pub struct Parameter<P, F: SessionFactory> {
    /// Operations of the factory that do not depend on the parameter's type.
    pub factory: Opens<F>,
    of_session: fn(&mut Session<F>) -> &mut P,
    session: fn(&mut P) -> &mut Session<F>,
}

/// A factory, represented by its type alone.
pub struct Opens<F>(PhantomData<fn() -> F>);

impl<P, F: SessionFactory> Clone for Parameter<P, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, F: SessionFactory> Copy for Parameter<P, F> {}

impl<F> Clone for Opens<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Opens<F> {}

impl<P, F: SessionFactory> fmt::Debug for Parameter<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parameter").field(&F::NAME).finish()
    }
}

impl<F: SessionFactory> fmt::Debug for Opens<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opens").field(&F::NAME).finish()
    }
}

/// Returns the parameter of this type.
pub fn parameter<P, F>() -> Parameter<P, F>
where
    P: IsSession<Factory = F>,
    F: SessionFactory,
{
    Parameter {
        factory: Opens(PhantomData),
        of_session: P::of_session,
        session: P::session,
    }
}

/// Returns the parameter for a function whose attribute names the factory.
pub fn named<N, F>() -> Parameter<Session<F>, F>
where
    N: SessionFactory<Config: FactoryConfig<Factory = F>>,
    F: SessionFactory,
{
    parameter()
}

impl<F: SessionFactory> Opens<F> {
    /// Opens a session for the function of this name in this module. The session's file and line are
    /// those of the caller.
    #[track_caller]
    pub fn open(
        self,
        function: &'static str,
        module: &'static str,
    ) -> impl Future<Output = Result<Unit<F>, SessionError>> + Send {
        self.open_with(function, module, Options::new())
    }

    /// Like `open`, with options.
    #[track_caller]
    pub fn open_with(
        self,
        function: &'static str,
        module: &'static str,
        options: Options,
    ) -> impl Future<Output = Result<Unit<F>, SessionError>> + Send {
        let origin = Origin::of_function(function, module, Location::caller());
        Unit::open(global::factory::<F>, origin, options)
    }

    /// Runs the whole call in its own task, which continues if the caller is dropped.
    pub fn detach<R, B>(self, contract: Contract<R>, call: B) -> impl Future<Output = R>
    where
        B: Future<Output = R> + Send + 'static,
        R: Send + 'static,
    {
        contract.detach::<F, B>(call)
    }
}

impl<P, F: SessionFactory> Parameter<P, F> {
    /// Opens the savepoint of a function with `savepoint`.
    pub fn savepoint(self, session: &mut P) -> Savepoint<'_, F> {
        Savepoint::open((self.session)(session))
    }

    /// Returns the savepoint's session, for the body.
    pub fn within<'s>(self, savepoint: &'s mut Savepoint<'_, F>) -> &'s mut P {
        (self.of_session)(savepoint.session())
    }
}

/// Types that an annotated function can take after `&mut` in its first parameter.
#[diagnostic::on_unimplemented(
    message = "the attribute names the factory `{F}`, whose session is not `{Self}`",
    label = "expected `Session<{F}>`",
    note = "write `db: &mut Session<{F}>`, or `&mut` its backend's connection: `AsyncPgConnection`, `TrackedMysqlConnection` or `SyncConnectionWrapper<SqliteConnection>`"
)]
pub trait SessionParam<F: SessionFactory>: Sized + Send {
    /// Converts the session to the parameter.
    fn prepare<'s>(
        session: &'s mut Session<F>,
    ) -> impl Future<Output = Result<&'s mut Self, SessionError>> + Send
    where
        Self: 's;
}

#[diagnostic::do_not_recommend]
impl<F: SessionFactory> SessionParam<F> for Session<F> {
    async fn prepare<'s>(session: &'s mut Session<F>) -> Result<&'s mut Self, SessionError>
    where
        Self: 's,
    {
        Ok(session)
    }
}

#[cfg(feature = "postgres")]
impl<F> SessionParam<F> for diesel_async::AsyncPgConnection
where
    F: SessionFactory<Driver: Lends<Self>>,
{
    async fn prepare<'s>(session: &'s mut Session<F>) -> Result<&'s mut Self, SessionError>
    where
        Self: 's,
    {
        session.connection().await.map(F::Driver::lend)
    }
}

#[cfg(feature = "mysql")]
impl<F> SessionParam<F> for crate::TrackedMysqlConnection
where
    F: SessionFactory<Driver = crate::driver::Mysql>,
{
    async fn prepare<'s>(session: &'s mut Session<F>) -> Result<&'s mut Self, SessionError>
    where
        Self: 's,
    {
        session.connection().await
    }
}

/// For `Factory::from_pool` only: the factory's own connections are `TrackedMysqlConnection`s.
#[cfg(feature = "mysql")]
impl<F> SessionParam<F> for diesel_async::AsyncMysqlConnection
where
    F: SessionFactory<Driver = crate::driver::Mysql>,
{
    async fn prepare<'s>(session: &'s mut Session<F>) -> Result<&'s mut Self, SessionError>
    where
        Self: 's,
    {
        let connection = session.connection().await?;
        connection.as_async_mysql_connection().ok_or_else(|| {
            let error = crate::StatementError::other(
                "an `AsyncMysqlConnection` is only in pools that are given to Factory::from_pool; write \
                 `db: &mut session_factory::TrackedMysqlConnection`, or `db: &mut Session<…>`",
            );
            SessionError::Query(error.into())
        })
    }
}

#[cfg(feature = "sqlite")]
impl<F> SessionParam<F>
    for diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>
where
    F: SessionFactory<Driver: Lends<Self>>,
{
    async fn prepare<'s>(session: &'s mut Session<F>) -> Result<&'s mut Self, SessionError>
    where
        Self: 's,
    {
        session.connection().await.map(F::Driver::lend)
    }
}

/// Returns the unit's session, for the body.
pub fn of<P, F: SessionFactory>(parameter: Parameter<P, F>, unit: &mut Unit<F>) -> &mut P {
    (parameter.of_session)(unit.session())
}

/// Converts the session to the type that the function takes.
pub fn prepare<'s, P, F>(
    session: &'s mut Session<F>,
) -> impl Future<Output = Result<&'s mut P, SessionError>> + Send
where
    P: SessionParam<F> + 's,
    F: SessionFactory,
{
    P::prepare(session)
}
