//! What the handle asks of the connections, now.

use std::time::Duration;

use super::fault::Action;

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Per direction: before a chunk is passed on.
    pub(crate) delay: [Duration; 2],
    /// Per direction: the largest chunk, and the pause after it.
    pub(crate) throttle: [Option<(usize, Duration)>; 2],
    /// Per direction: nothing is passed on, nothing is lost.
    pub(crate) held: [bool; 2],
    /// Everything is swallowed.
    pub(crate) stalled: bool,
    /// The port is closed.
    pub(crate) refusing: bool,
    /// Connections with a lower number than this end so.
    pub(crate) severed: Option<(u64, Action)>,
    /// The proxy is being dropped.
    pub(crate) stopped: bool,
}
