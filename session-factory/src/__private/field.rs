//! Requirements for the types of custom keys.

use std::fmt::Debug;

/// A type whose values the configuration stores, copies and prints.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of the configuration, which is `Clone` and `Debug`",
    label = "`{Self}` is not `Clone`, or not `Debug`",
    note = "write `#[derive(Clone, Debug)]` above `{Self}`; for a type of another crate write a struct around it that has both"
)]
pub trait ConfigField: Sized {
    /// A copy of the value.
    #[must_use]
    fn copied(&self) -> Self;

    /// The value for printing.
    fn shown(&self) -> &dyn Debug;
}

#[diagnostic::do_not_recommend]
impl<T: Clone + Debug> ConfigField for T {
    fn copied(&self) -> Self {
        self.clone()
    }

    fn shown(&self) -> &dyn Debug {
        self
    }
}
