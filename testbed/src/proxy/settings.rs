//! The handle's current requests to the connections.

use std::time::Duration;

use super::fault::Action;

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The delay before a chunk is forwarded, for each direction.
    pub(crate) delay: [Duration; 2],
    /// The largest chunk and the pause after it, for each direction.
    pub(crate) throttle: [Option<(usize, Duration)>; 2],
    /// True if nothing is forwarded and nothing lost, for each direction.
    pub(crate) held: [bool; 2],
    /// True if everything is swallowed.
    pub(crate) stalled: bool,
    /// True if the port is closed.
    pub(crate) refusing: bool,
    /// Connections with a lower number end with this action.
    pub(crate) severed: Option<(u64, Action)>,
    /// True if the proxy is being dropped.
    pub(crate) stopped: bool,
}
