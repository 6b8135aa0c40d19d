//! From a URL to a connection that is ready for its first statement.

pub(super) mod drain;
pub(super) mod error;
pub(super) mod hosts;
pub(super) mod pooler;
pub(super) mod probe;
pub(super) mod socket;
pub(super) mod ssl_mode;
pub(super) mod startup;
pub(super) mod stream;
