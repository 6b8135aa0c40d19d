//! What operators see: the echo, and reports of things that should not happen.

mod echo;

pub(crate) use echo::{Echo, Line};

/// Reports something that has no caller to tell: to `tracing` where somebody listens, else to the console.
pub(crate) fn report(message: &str) {
    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        tracing::error!(target: "session_factory", "{message}");
        return;
    }
    #[allow(clippy::print_stderr)] // there is nowhere else to put it
    {
        eprintln!("session_factory: {message}");
    }
}
