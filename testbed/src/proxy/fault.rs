//! What is to go wrong, where, and for whom.

use super::Direction;

/// A fault that waits for its byte: after the n-th one of a direction, the connection is cut.
///
/// Bytes count from the moment the fault is armed ([`Proxy::arm`](super::Proxy::arm)), for each
/// connection by itself; a connection opened later counts from its first byte. Exactly `bytes`
/// bytes are still delivered. With 0 the connection is cut when the first byte of that direction
/// comes. Cancel requests are spared.
///
/// A client that was dropped says goodbye a moment later, and its goodbye counts like other bytes:
/// to strike the connection that comes next, say so with [`Scope::Next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing happens before it is armed"]
pub struct Cut {
    pub(crate) bytes: u64,
    pub(crate) direction: Direction,
    pub(crate) action: Action,
    pub(crate) scope: Scope,
}

impl Cut {
    /// A reset after `bytes` bytes in this direction, of the first connection to get there.
    pub fn after(bytes: u64, direction: Direction) -> Self {
        Self {
            bytes,
            direction,
            action: Action::Reset,
            scope: Scope::First,
        }
    }

    /// What happens then. Default: [`Action::Reset`].
    pub fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// To which connections. Default: [`Scope::First`].
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
    /// Nobody sees anything: from here on both directions are swallowed, as behind a firewall that
    /// forgot the connection. When one side closes, so does the other.
    Stall,
}

/// Which connections a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Whichever gets there first, open already or not. Once.
    First,
    /// The next one to be opened, and no other. Once.
    Next,
    /// Each of them, until [`Proxy::disarm`](super::Proxy::disarm).
    Every,
}

/// An armed fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) cut: Cut,
    /// Tells one arming from the next: a connection's count starts anew.
    pub(crate) generation: u64,
    /// The number that the next connection will have.
    pub(crate) next_connection: u64,
}
