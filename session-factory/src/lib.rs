#![doc = include_str!("../../README.md")]
#![forbid(unsafe_code)]

pub mod config;
pub mod driver;
pub mod error;
pub mod factory;
mod observe;
mod runtime;
pub mod session;

#[doc(hidden)]
pub mod __private;

pub use config::{ConfigError, SecretUrl};
pub use driver::Isolation;
pub use error::{
    AbortReason, Aborted, AcquireError, CommitError, ConnectError, ConnectErrorKind, NestedError,
    SessionError, StatementError, TimeoutError,
};
pub use factory::{Factory, SessionFactory, ShutdownReport, Status};
pub use session::{Session, SessionBuilder};
pub use session_factory_macros::{session_factory, with_session};
