//! What a test returns.

use std::fmt::Debug;

/// What a test returns: nothing, or a `Result`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a test returns nothing or a `Result`, not `{Self}`",
    label = "this is neither",
    note = "write `Result<(), E>`, with an `E` that is `Debug`"
)]
pub trait Outcome {
    /// Why the test has failed.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T, E: Debug> Outcome for Result<T, E> {
    fn failure(self) -> Option<String> {
        self.err()
            .map(|error| format!("the test returned Err: {error:?}"))
    }
}
