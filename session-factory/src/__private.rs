//! The only paths that expansions name. Nothing here is covered by semantic versioning.

mod assert;
mod backend;
mod feature;
mod supports;

use std::time::Duration;

pub use self::assert::*;
pub use self::backend::*;
pub use self::feature::*;
pub use self::supports::*;
pub use crate::config::{
    ByFromStr, Key, OptionByFromStr, Own, Part, Reader, Source, Together, Unreadable, env_example,
};
pub use crate::driver::isolation::{self, Isolation};
#[cfg(feature = "serde")]
pub use crate::factory::configure::config_from_serde;
pub use crate::factory::configure::{config_from_env, config_from_vars, describe, describe_vars};
pub use crate::factory::global::{factory, init, shutdown, status};
pub use crate::factory::{AnyPool, FactoryConfig, Global, PoolOfOne};
#[cfg(feature = "dotenv")]
pub use crate::factory::{configure::config_from_dotenv, global::init_from_dotenv};
pub use crate::session::{
    AsyncBody, Bounded, CarriesSessionError, Contract, Origin, Replica, ReturnsResult, Savepoint,
    Scope, SessionBuilder, SessionOptions as Options, Unit, contract,
};
pub use crate::{
    ConfigError, Factory, Session, SessionError, SessionFactory, ShutdownReport, Status,
};
#[cfg(feature = "serde")]
pub use ::serde;

use crate::driver::Driver;

/// The type of an annotated function's first parameter, behind `&mut`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session",
    label = "expected `&mut Session<F>`",
    note = "the first parameter is the session: write `db: &mut Session<AppDb>`",
    note = "for a function on a backend's own connection (`&mut AsyncPgConnection`) name the factory: `#[with_session(AppDb)]`"
)]
pub trait IsSession {
    /// Its factory.
    type Factory: SessionFactory;
}

impl<F: SessionFactory> IsSession for Session<F> {
    type Factory = F;
}

/// What an annotated function may take as its first parameter, behind `&mut`.
#[diagnostic::on_unimplemented(
    message = "a session of `{F}` cannot be passed as `&mut {Self}`",
    label = "neither `Session<{F}>` nor the connection type of its backend",
    note = "the first parameter is the session: write `db: &mut Session<{F}>`, or `&mut` the connection type of its backend (`AsyncPgConnection`, `AsyncMysqlConnection`, `SyncConnectionWrapper<SqliteConnection>`)"
)]
pub trait SessionParam<F: SessionFactory>: Sized + Send {
    /// Gives the parameter.
    fn prepare<'s>(
        session: &'s mut Session<F>,
    ) -> impl Future<Output = Result<&'s mut Self, SessionError>> + Send
    where
        Self: 's;
}

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
impl<F> SessionParam<F> for diesel_async::AsyncMysqlConnection
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

/// One session of the factory that applies here.
#[allow(clippy::manual_async_fn)] // the compiler looks no further than that `Send`
pub fn create_session<F: SessionFactory>(
    origin: Origin,
) -> impl Future<Output = Result<Session<F>, SessionError>> + Send {
    async move {
        let factory = factory::<F>()?;
        let options = Options::new();
        let lease = factory.lease(&origin, None, &options).await?;
        Ok(factory.on(lease, &origin, &options).manual(origin))
    }
}

/// Runs a body in a session of the factory that applies here.
#[track_caller]
pub fn with_session<'a, F, T, E, B>(body: B) -> impl Future<Output = Result<T, E>> + Send + 'a
where
    F: SessionFactory,
    for<'s> B: AsyncFnOnce(&'s mut Session<F>) -> Result<T, E>
        + AsyncBody<&'s mut Session<F>, Result<T, E>>
        + Send
        + 'a,
    T: Send + 'a,
    E: From<SessionError> + Send + 'a,
{
    let origin = Origin::of_caller("with_session", std::panic::Location::caller());
    SessionBuilder::new(None, origin).run(body)
}

/// A session with options, of the factory that applies where its body runs.
#[track_caller]
pub fn session<F: SessionFactory>() -> SessionBuilder<F> {
    let origin = Origin::of_caller("session", std::panic::Location::caller());
    SessionBuilder::new(None, origin)
}

/// Opens the savepoint of a function with `savepoint`.
pub fn savepoint<F: SessionFactory>(session: &mut Session<F>) -> Savepoint<'_, F> {
    Savepoint::open(session)
}

/// One round trip of the factory that applies here.
pub async fn health<F: SessionFactory>() -> Result<Duration, SessionError> {
    factory::<F>()?.health().await
}

/// The driver of a factory.
pub type DriverOf<F> = <F as SessionFactory>::Driver;
/// The connection type of a factory's backend.
pub type ConnectionOf<F> = <DriverOf<F> as Driver>::Connection;
