//! A connection's permit.

use std::sync::Arc;

/// Counts a connection as open on the server. A driver keeps the permit until the server has closed
/// the connection.
///
/// The permit's type is erased. Otherwise, for a user who enables `significant_drop_tightening`,
/// clippy would treat a session as a lock and report each annotated function.
#[derive(Debug, Clone)]
pub(crate) struct OpenPermit(#[allow(dead_code)] pub(crate) Arc<dyn std::any::Any + Send + Sync>);
