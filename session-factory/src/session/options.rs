//! How a session is to be opened.

use crate::driver::TransactionOptions;

/// The options of `#[with_session(…)]`, as the runtime takes them.
#[derive(Debug, Clone, Default)]
#[doc(hidden)]
pub struct SessionOptions {
    pub(crate) transaction: TransactionOptions,
    pub(crate) requires_new: bool,
}

impl SessionOptions {
    /// Every option at its default.
    pub const fn new() -> Self {
        Self {
            transaction: TransactionOptions {
                isolation: None,
                read_only: false,
                deferrable: false,
            },
            requires_new: false,
        }
    }

    /// `requires_new`
    #[must_use]
    pub const fn requires_new(mut self) -> Self {
        self.requires_new = true;
        self
    }
}
