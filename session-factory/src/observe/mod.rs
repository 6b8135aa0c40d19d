//! What operators see: the echo, and reports of things that should not happen.

mod echo;

pub(crate) use echo::{Echo, Line};

/// Reports something that has no caller to tell: to `tracing` where somebody listens, else to the console.
pub(crate) fn report(message: &str) {
    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        // The subscriber is the application's, and what has to be done behind the report must be done.
        let event = || tracing::error!(target: "session_factory", "{message}");
        let _panicked = crate::panics::contained(event);
        return;
    }
    // `eprintln!` panics where the stream is closed.
    #[allow(clippy::print_stderr)] // there is nowhere else to put it
    let _closed = crate::panics::contained(|| eprintln!("session_factory: {message}"));
}
