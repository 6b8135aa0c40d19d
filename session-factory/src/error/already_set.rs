//! The error for a second global factory.

/// The type has a global factory already: [`Factory::set_global`](crate::Factory::set_global) changed nothing.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// # use session_factory::{Factory, session_factory};
/// # session_factory! { pub struct AppDb(Sqlite); }
/// # let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".to_owned())).unwrap();
/// let factory = Factory::<AppDb>::new(config);
/// factory.set_global().unwrap();
/// assert_eq!(
///     factory.set_global().unwrap_err().to_string(),
///     "AppDb has a global factory already: set_global() was called before, or a use of AppDb made the factory from the \
///      environment; call set_global() once, before anything else uses AppDb"
/// );
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{factory} has a global factory already: set_global() was called before, or a use of {factory} made the factory from \
     the environment; call set_global() once, before anything else uses {factory}"
)]
pub struct AlreadySet {
    factory: &'static str,
}

impl AlreadySet {
    pub(crate) fn of(factory: &'static str) -> Self {
        Self { factory }
    }
}
