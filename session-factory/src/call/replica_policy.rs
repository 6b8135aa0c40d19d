//! The policy by which a `read_only` session chooses its server.

/// Says whether a `read_only` session may use the replica that `replica_url` names.
///
/// Without a replica, every session uses the primary. A session that may write always uses the
/// primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReplicaPolicy {
    /// Uses the replica, however far it lags behind.
    Any,
    /// Waits up to 100 ms until the replica has replayed all commits of this factory (and the
    /// commit of the token that the call follows, if any). Uses the replica if it has replayed
    /// them, and the primary if not. The default.
    #[default]
    CaughtUp,
    /// Uses the primary.
    Never,
}
