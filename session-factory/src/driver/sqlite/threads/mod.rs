//! A thread that does one piece of work after another.

pub(super) mod readers;
pub(super) mod writer;

use std::io;

use crate::panics::contained;

/// A piece of work. It has its connection with it.
pub(in crate::driver::sqlite) type Work = Box<dyn FnOnce(Call) + Send>;

/// What is asked of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::sqlite) enum Call {
    Run,
    /// Nobody waits for it any more: it only gives its connection back.
    GiveBack,
}

/// Does a task. One that panics does not end its thread, which is for others as well.
pub(in crate::driver::sqlite) fn run(task: Work) {
    let _told_to_whoever_waits = contained(|| task(Call::Run));
}

pub(in crate::driver::sqlite) fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("session-factory-sqlite".into())
        .spawn(work)
        .map(drop)
}
