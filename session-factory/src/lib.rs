// On docs.rs only, each item shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// The first definition of a link wins, so `links.md` makes the README's links to the guide point to the modules here.
#![doc = include_str!("../docs/links.md")]
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// Without a backend most of the crate is unused, but compiles, so that `session_factory!` can name the missing feature.
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql", feature = "sqlite")),
    allow(dead_code, unused_imports)
)]

mod call;
pub mod config;
pub mod driver;
pub mod error;
pub mod factory;
pub mod observe;
mod one_line;
mod panics;
mod pool;
mod runtime;
pub mod session;
mod sync;
#[cfg(feature = "testing")]
mod testing;
mod time;

// Only for the documentation, so programs do not compile it.
#[cfg(doc)]
pub mod guide;

#[doc(hidden)]
pub mod __private;

pub use call::{Isolation, ReplicaPolicy};
pub use config::{ConfigError, Credentials, SecretUrl};
#[cfg(feature = "mysql")]
pub use driver::TrackedMysqlConnection;
pub use error::{
    AbortReason, Aborted, AcquireError, AlreadySet, CommitError, CommittedPart, ConnectError,
    ConnectErrorKind, NestedError, ObservedTooLate, PartlyCommitted, SessionError, StatementError,
    TimeoutError,
};
pub use factory::{Factory, SessionFactory};
pub use observe::Observer;
pub use pool::{CommitToken, CommitTokenError, ReplicaStatus, ShutdownReport, Status};
pub use session::{Session, SessionBuilder};
#[cfg(feature = "testing")]
pub use session_factory_macros::test;
pub use session_factory_macros::{session_factory, with_session};
#[cfg(feature = "testing")]
pub use testing::{EveryAwait, Fault, Kept, Polls, Repeated, Statements, Test, TestHandle, Units};
