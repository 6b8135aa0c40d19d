//! What the configuration asks of the types of the application's own keys.

use std::fmt::Debug;

/// A type whose values the configuration holds. It copies them and prints them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of the configuration, which is `Clone` and `Debug`",
    label = "`{Self}` is not `Clone`, or not `Debug`",
    note = "write `#[derive(Clone, Debug)]` above `{Self}`; for a type of another crate write a struct around it that has both"
)]
pub trait ConfigField: Sized {
    /// Another one of it.
    #[must_use]
    fn copied(&self) -> Self;

    /// What is printed.
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
