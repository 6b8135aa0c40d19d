//! Macros around the code of `session_factory!` that needs a feature, like those of
//! [`backend`](super::backend).

/// Code for `.env`.
#[cfg(feature = "dotenv")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_dotenv {
    ($($items:tt)*) => { $($items)* };
}

/// Code for `.env`, with the feature off.
#[cfg(not(feature = "dotenv"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_dotenv {
    ($($items:tt)*) => {};
}

/// Code for a program without `.env`: nothing, because the feature is on.
#[cfg(feature = "dotenv")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_without_dotenv {
    ($($items:tt)*) => {};
}

/// Code for a program without `.env`, with the feature off.
#[cfg(not(feature = "dotenv"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_without_dotenv {
    ($($items:tt)*) => { $($items)* };
}

/// Stands for a call that needs `.env`, with the feature off.
#[derive(Debug)]
pub enum Dotenv {}

/// States that the feature is on. No type implements this trait, because it is checked only if the feature
/// is off. The lifetime delays the check to the call, so that the error is at the call and not at the
/// declaration.
#[diagnostic::on_unimplemented(
    message = "`.env` needs the feature `dotenv`, which is off",
    label = "needs the feature `dotenv`",
    note = "write `session-factory = {{ version = \"…\", features = [\"dotenv\"] }}` in Cargo.toml"
)]
pub trait HasDotenv<'always> {}

/// Checks `dotenv = true`.
#[cfg(feature = "dotenv")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_require_dotenv {
    () => {};
}

/// Checks `dotenv = true`, with the feature off.
#[cfg(not(feature = "dotenv"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_require_dotenv {
    () => {
        ::core::compile_error!(
            "`dotenv` needs the feature `dotenv`, which is off; write \
             `session-factory = { version = \"…\", features = [\"dotenv\"] }` in Cargo.toml"
        );
    };
}

/// Code for `Deserialize`.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_serde {
    ($($items:tt)*) => { $($items)* };
}

/// Code for `Deserialize`, with the feature off.
#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_serde {
    ($($items:tt)*) => {};
}

/// What the feature `metrics` adds.
#[cfg(feature = "metrics")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_metrics {
    ($($items:tt)*) => { $($items)* };
}

/// What the feature `metrics` adds, with the feature off.
#[cfg(not(feature = "metrics"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_metrics {
    ($($items:tt)*) => {};
}

pub use crate::{
    __session_factory_dotenv, __session_factory_metrics, __session_factory_require_dotenv,
    __session_factory_serde, __session_factory_without_dotenv,
};
