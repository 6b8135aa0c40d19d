//! What operators see: the echo, and reports of things that should not happen.

mod echo;
mod one_line;

pub(crate) use echo::{Echo, Line};
pub(crate) use one_line::one_line;

/// Reports something that has no caller to tell: to `tracing` where somebody listens, else to the console. It is one
/// line, whatever a server or a user has put into it.
pub(crate) fn report(message: &str) {
    let message = one_line(message);
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
