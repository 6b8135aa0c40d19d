//! The pool's figures.

/// The pool's figures at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The number of open connections.
    pub open: u32,
    /// The number of open connections that are idle.
    pub idle: u32,
    /// The number of connections that sessions use.
    pub in_use: u32,
    /// The number of connections whose session was dropped, and which recovery cancels, rolls back
    /// and checks.
    pub recovering: u32,
    /// The number of callers that wait for a connection.
    pub waiting: u32,
    /// The number of connections that the pool keeps open: `pool_size`.
    pub pool_size: u32,
    /// The greatest number of open connections: `pool_size` + `max_overflow`.
    pub limit: u32,
    /// True if the connection that was opened last reached a pooler (PgBouncer) in front of the
    /// server.
    pub pooler: bool,
    /// True if the factory was shut down.
    pub closed: bool,
    /// The replica's own figures, if the settings name a replica. The other figures are the
    /// primary's.
    pub replica: Option<ReplicaStatus>,
}

/// The figures of the replica's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// The number of open connections.
    pub open: u32,
    /// The number of open connections that are idle.
    pub idle: u32,
    /// The number of connections that sessions use.
    pub in_use: u32,
    /// True if the replica answers and does not lag too far behind. While it is false, a task tries
    /// the replica again after 100 ms, and then at growing intervals of up to 5 s.
    pub usable: bool,
    /// The number of sessions that used the replica.
    pub reads: u64,
    /// The number of sessions that should have used the replica, but had to use the primary.
    pub fallbacks: u64,
}
