//! Which server a `read_only` session reads.

/// Whether a `read_only` session may use the replica that `replica_url` names.
///
/// Without a replica every session uses the primary, and so does every session that may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReplicaPolicy {
    /// The replica, however far it is behind.
    Any,
    /// The replica, once it has replayed everything that this factory has committed (and the token that
    /// the call follows, if any); the primary, where the replica is further behind than 100 ms. The default.
    #[default]
    CaughtUp,
    /// The primary.
    Never,
}
