//! Faults: what happens, at which byte, to which connections.

use super::Direction;

/// Cuts a connection after the n-th byte of one direction.
///
/// Each connection counts its own bytes, from the moment the fault is armed
/// ([`Proxy::arm`](super::Proxy::arm)); a later connection counts from its first byte. Exactly
/// `bytes` bytes are still delivered. With 0, the connection is cut when the first byte of that
/// direction arrives. Cancel requests are spared.
///
/// A dropped client says goodbye a moment later, and those bytes count too. To cut the connection
/// that opens next, use [`Scope::Next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing happens before it is armed"]
pub struct Cut {
    pub(crate) bytes: u64,
    pub(crate) direction: Direction,
    pub(crate) action: Action,
    pub(crate) scope: Scope,
}

impl Cut {
    /// A reset after `bytes` bytes in this direction, on the first connection that reaches them.
    pub fn after(bytes: u64, direction: Direction) -> Self {
        Self {
            bytes,
            direction,
            action: Action::Reset,
            scope: Scope::First,
        }
    }

    /// Sets how the connection ends. Default: [`Action::Reset`].
    pub fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// Sets which connections end. Default: [`Scope::First`].
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Both sides see a reset (RST): "connection reset by peer".
    Reset,
    /// Both sides see an orderly end (FIN): end of file.
    Close,
    /// Both peers notice nothing: from now on, the proxy swallows both directions, like a firewall
    /// that has dropped the connection. When one peer closes, the proxy closes the other side.
    Stall,
}

/// The connections to which a fault applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Once, to the first connection that reaches the byte, already open or not.
    First,
    /// Once, to the next connection that opens.
    Next,
    /// To each connection, until [`Proxy::disarm`](super::Proxy::disarm).
    Every,
}

/// An armed fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) cut: Cut,
    /// Identifies this arming. When it changes, each connection's count restarts.
    pub(crate) generation: u64,
    /// The number of the next connection.
    pub(crate) next_connection: u64,
}
