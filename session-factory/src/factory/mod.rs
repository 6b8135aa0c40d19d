//! The factory: the handle, the traits, the global factory, and how its configuration is read.

pub(crate) mod configure;
mod credentials;
mod database;
pub(crate) mod global;
mod handle;
mod shared;

pub use self::database::{AnyPool, FactoryConfig, Global, PoolOfOne, SessionFactory};
pub use self::handle::Factory;
pub use self::shared::SharedConfig;
