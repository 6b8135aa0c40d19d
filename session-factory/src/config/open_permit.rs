//! A connection's permit to be open on the server.

use std::sync::Arc;

/// Counts a connection as open on the server. A driver keeps it until the server has closed the connection.
///
/// The permit's type is erased. Clippy would otherwise take a session for a lock, and report each annotated function of
/// a user who turns on `significant_drop_tightening`.
#[derive(Debug, Clone)]
pub(crate) struct OpenPermit(#[allow(dead_code)] pub(crate) Arc<dyn std::any::Any + Send + Sync>);
