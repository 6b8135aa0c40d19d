//! What a call carries: its place in the source, its options, its deadline, and its task's context.

mod deadline;
#[cfg(feature = "testing")]
mod faults;
mod future;
pub mod isolation;
mod log_position;
mod options;
mod origin;
mod replica_policy;
mod retry;
pub(crate) mod task_context;
#[cfg(feature = "testing")]
mod test_context;
mod transaction_options;
#[cfg(feature = "testing")]
mod virtual_sessions;

pub(crate) use self::deadline::Deadline;
#[cfg(feature = "testing")]
pub(crate) use self::faults::{ArmedFault, FaultEffect, FaultPoint};
pub(crate) use self::future::{Hook, RunsInScope};
pub use self::isolation::Isolation;
pub(crate) use self::log_position::LogPosition;
pub use self::options::SessionOptions;
pub use self::origin::Origin;
pub use self::replica_policy::ReplicaPolicy;
pub(crate) use self::retry::Retry;
pub(crate) use self::task_context::FutureInScope;
#[cfg(feature = "testing")]
pub(crate) use self::test_context::{AnyFactory, TestContext};
pub(crate) use self::transaction_options::TransactionOptions;
#[cfg(feature = "testing")]
pub(crate) use self::virtual_sessions::{VirtualSession, VirtualSessions};
