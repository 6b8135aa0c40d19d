//! The pool's figures.

/// What the pool looks like at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Connections that are open.
    pub open: u32,
    /// Of these, free.
    pub idle: u32,
    /// Connections that sessions hold.
    pub in_use: u32,
    /// Connections whose session was dropped, and which the recovery cancels, rolls back and checks.
    pub recovering: u32,
    /// Callers that wait for a connection.
    pub waiting: u32,
    /// Connections that are kept open: `pool_size`.
    pub pool_size: u32,
    /// The most that may be open: `pool_size` + `max_overflow`.
    pub limit: u32,
    /// The last connection that was opened found a pooler (PgBouncer) between here and the server.
    pub pooler: bool,
    /// The factory was shut down.
    pub closed: bool,
    /// The replica's own figures, where the settings name one. The others are those of the primary.
    pub replica: Option<ReplicaStatus>,
}

/// The figures of the replica's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Connections that are open.
    pub open: u32,
    /// Of these, free.
    pub idle: u32,
    /// Connections that sessions hold.
    pub in_use: u32,
    /// The replica answers and is not too far behind. While false, a task tries it again after 100 ms, then at
    /// growing intervals of up to 5 s.
    pub usable: bool,
    /// Sessions that were opened on it.
    pub reads: u64,
    /// Sessions that would have been opened on it, and had to use the primary.
    pub fallbacks: u64,
}
