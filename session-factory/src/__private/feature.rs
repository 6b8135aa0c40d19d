//! What `session_factory!` wraps the code in that needs a feature: as [`backend`](super::backend) does.

/// `.env`.
#[cfg(feature = "dotenv")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_dotenv {
    ($($items:tt)*) => { $($items)* };
}

/// `.env`, with the feature off.
#[cfg(not(feature = "dotenv"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_dotenv {
    ($($items:tt)*) => {};
}

/// `dotenv = true`.
#[cfg(feature = "dotenv")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_require_dotenv {
    () => {};
}

/// `dotenv = true`, with the feature off.
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

/// `Deserialize`.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_serde {
    ($($items:tt)*) => { $($items)* };
}

/// `Deserialize`, with the feature off.
#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_serde {
    ($($items:tt)*) => {};
}

pub use crate::{
    __session_factory_dotenv, __session_factory_require_dotenv, __session_factory_serde,
};
