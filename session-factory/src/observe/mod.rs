//! What operators see: the echo, and reports of things that should not happen.

mod echo;

pub(crate) use echo::{Echo, Line};

/// Reports something that has no caller to tell.
pub(crate) fn report(message: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: "session_factory", "{message}");
    #[cfg(not(feature = "tracing"))]
    {
        #[allow(clippy::print_stderr)] // there is nowhere else to put it
        {
            eprintln!("session_factory: {message}");
        }
    }
}
