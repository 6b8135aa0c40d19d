//! The pool: open connections, the callers that wait for one, and the replica's pool.

mod acquire;
mod connect_health;
mod connector;
mod core;
mod credential_provider;
#[cfg(feature = "metrics")]
mod figures;
mod leaks;
mod lease;
mod open_permits;
mod permits;
mod pooled;
mod pools;
mod queue;
mod reaper;
mod registry;
mod replica;
mod reports;
mod shutdown;
mod size;
mod start;
mod status;

pub(crate) use self::credential_provider::CredentialProvider;
pub(crate) use self::lease::Lease;
pub(crate) use self::pools::{Keys, Pools};
pub(crate) use self::replica::commit_marks::Mark;
pub use self::replica::{CommitToken, CommitTokenError};
pub use self::shutdown::ShutdownReport;
pub use self::status::{ReplicaStatus, Status};
