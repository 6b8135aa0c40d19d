//! What a process spends: processor time and context switches.

use anyhow::Result;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Deserialize;

/// Since the process began, or between two moments. The threads that have ended count as well.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Spent {
    /// User and system.
    pub(crate) processor_seconds: f64,
    /// A thread gave its processor up to wait for something.
    pub(crate) switches: f64,
}

impl Spent {
    pub(crate) fn by_this_process() -> Result<Self> {
        Ok(Self::of(getrusage(UsageWho::RUSAGE_SELF)?))
    }

    /// By the child processes that this one has waited for.
    pub(crate) fn by_children() -> Result<Self> {
        Ok(Self::of(getrusage(UsageWho::RUSAGE_CHILDREN)?))
    }

    fn of(usage: Usage) -> Self {
        Self {
            processor_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
            switches: usage.voluntary_context_switches() as f64,
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            processor_seconds: self.processor_seconds - before.processor_seconds,
            switches: self.switches - before.switches,
        }
    }
}

fn seconds(time: TimeVal) -> f64 {
    time.num_microseconds() as f64 / 1e6
}
