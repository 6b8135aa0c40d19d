//! Requirements for the types of custom keys.

use std::fmt::Debug;
use std::sync::Arc;

use crate::factory::SharedConfig;

/// A type whose values the configuration stores, copies and prints.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of the configuration, which is `Clone` and `Debug`",
    label = "`{Self}` is not `Clone`, or not `Debug`",
    note = "write `#[derive(Clone, Debug)]` above `{Self}`; for a type of another crate write a struct around it that has both"
)]
pub trait ConfigField: Sized {
    /// Returns a copy of the value.
    #[must_use]
    fn copied(&self) -> Self;

    /// Returns the value for printing.
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

/// A type whose values all threads read.
#[diagnostic::on_unimplemented(
    message = "threads share the configuration, and `{Self}` cannot be shared",
    label = "`{Self}` is not `Send`, or not `Sync`",
    note = "write `Arc` in place of `Rc`, `Mutex` in place of `Cell` and `RefCell`, and `Box<dyn Trait + Send + Sync>` for a trait \
            object"
)]
pub trait SharedField {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync> SharedField for T {}

/// Checks a field's type.
pub const fn shared_field<T: SharedField>() {}

/// Converts a configuration for its factory: the expansion calls `ToShare(self).share()`. If a field cannot be shared,
/// [`shared_field`] reports it, and the call finds the method of `CannotShare`, so that no second error follows.
#[derive(Debug)]
pub struct ToShare<C>(pub C);

impl<C: Send + Sync + 'static> ToShare<C> {
    /// Returns the configuration in the form that all threads share.
    pub fn share(self) -> SharedConfig {
        Arc::new(self.0)
    }
}

/// Provides `share` for the configurations that cannot be shared.
pub trait CannotShare: Sized {
    /// Returns a placeholder: the program does not compile, because `shared_field` reports the field.
    fn share(self) -> SharedConfig {
        Arc::new(())
    }
}

impl<C> CannotShare for ToShare<C> {}

/// Reports a configuration's function that is called on the factory. No type implements this trait. The lifetime delays
/// the check to the call, so that the compiler reports the call and not the declaration.
#[diagnostic::on_unimplemented(
    message = "the configuration has a type of its own: `{Self}`",
    label = "a function of `{Self}`",
    note = "write `{Self}::from_env()?` or `{Self}::from_vars(|key| …)?`; to read the environment and connect write `AppDb::init().await?`",
    note = "for the configuration of the factory that is in use write `AppDb::factory().await?.config()`"
)]
pub trait OfTheFactory<'always> {
    /// Returns whatever type the caller expects.
    fn any<R>() -> R;
}
