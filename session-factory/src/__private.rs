//! The only paths that expansions name. Nothing here is covered by semantic versioning.

mod backend;
mod feature;
mod field;
mod lends;
mod parameter;
mod supports;
#[cfg(feature = "testing")]
pub mod testing;

use std::time::Duration;

pub use self::backend::*;
pub use self::feature::*;
pub use self::field::*;
pub use self::lends::*;
pub use self::parameter::*;
pub use self::supports::*;
pub use crate::call::{Isolation, Origin, ReplicaPolicy, SessionOptions as Options, isolation};
pub use crate::config::{
    ByFromStr, CrossChecks, Custom, Key, OptionByFromStr, Part, Reader, Source, Unreadable,
    env_example,
};
pub use crate::driver::{
    SupportsDeferrable, SupportsImmediate, SupportsIsolation, SupportsReplica,
};
#[cfg(feature = "serde")]
pub use crate::factory::configure::config_from_serde;
pub use crate::factory::configure::{config_from_env, config_from_vars, describe, describe_vars};
pub use crate::factory::global::{factory, init, observe, shutdown, status};
pub use crate::factory::{AnyPool, FactoryConfig, Global, PoolOfOne, SharedConfig};
#[cfg(feature = "dotenv")]
pub use crate::factory::{configure::config_from_dotenv, global::init_from_dotenv};
pub use crate::session::contract::Contract;
pub use crate::session::names_of_other_libraries::*;
pub use crate::session::savepoint::Savepoint;
pub use crate::session::unit_of_work::{Scope, Unit};
pub use crate::session::with_deadline::Bounded;
pub use crate::session::{
    AsyncBody, CarriesSessionError, ReturnsResult, Run, SessionBuilder, contract,
};
pub use crate::{
    ConfigError, Factory, ObservedTooLate, Observer, Session, SessionError, SessionFactory,
    ShutdownReport, Status,
};
#[cfg(feature = "serde")]
pub use ::serde;

use crate::driver::RawConnection;

/// Registers the metrics' units and descriptions with the recorder.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    crate::observe::figures::describe();
}

/// Opens one session of the current factory.
#[allow(clippy::manual_async_fn)] // checked for `Send` here, and not again in each caller
pub fn create_session<F: SessionFactory>(
    origin: Origin,
) -> impl Future<Output = Result<Session<F>, SessionError>> + Send {
    async move { factory::<F>()?.open_manual(origin).await }
}

/// Runs a body in a session of the current factory.
#[track_caller]
pub fn with_session<'a, F, T, E, B>(body: B) -> Run<'a, T, E>
where
    F: SessionFactory,
    for<'s> B: AsyncBody<&'s mut Session<F>, Result<T, E>> + Send + 'a,
    T: Send + 'a,
    E: From<SessionError> + Send + 'a,
{
    let origin = Origin::of_caller("with_session", std::panic::Location::caller());
    SessionBuilder::new(None, origin).run(body)
}

/// Builds a session with options. The session uses the factory that is current where the body runs.
#[track_caller]
pub fn session<F: SessionFactory>() -> SessionBuilder<F> {
    let origin = Origin::of_caller("session", std::panic::Location::caller());
    SessionBuilder::new(None, origin)
}

/// Measures one round trip of the current factory.
pub async fn health<F: SessionFactory>() -> Result<Duration, SessionError> {
    factory::<F>()?.health().await
}

/// A factory's driver.
pub type DriverOf<F> = <F as SessionFactory>::Driver;
/// The connection type of a factory's backend.
pub type ConnectionOf<F> = RawConnection<DriverOf<F>>;
