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
    /// Uses the replica once it has replayed all commits of this factory (and the token that the
    /// call follows, if any), and the primary if the replica lags more than 100 ms behind. The
    /// default.
    #[default]
    CaughtUp,
    /// Uses the primary.
    Never,
}
