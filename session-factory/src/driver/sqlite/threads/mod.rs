//! Threads that run one piece of work after another.

pub(super) mod readers;
pub(super) mod writer;

use std::io;

use crate::panics::contained;

/// A piece of work, together with its connection.
pub(in crate::driver::sqlite) type Work = Box<dyn FnOnce(Call) + Send>;

/// What the work has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::sqlite) enum Call {
    Run,
    /// Return the connection without running: the caller was dropped, or waited too long.
    GiveBack,
}

/// Runs a piece of work. If it panics, the thread continues, because other connections need it.
pub(in crate::driver::sqlite) fn run(task: Work) {
    let _told_to_whoever_waits = contained(|| task(Call::Run));
}

pub(in crate::driver::sqlite) fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("session-factory-sqlite".into())
        .spawn(work)
        .map(drop)
}
