//! The configuration of a factory: its settings, and the sources of their values.
//!
//! [`session_factory!`](crate::session_factory) generates a configuration struct for each factory.
//! Its `from_env()` and `from_vars()` use the items of this module. Other code can use them too, to
//! read or to describe the same keys:
//!
//! | item | is |
//! | --- | --- |
//! | [`Key`] | one environment variable: its name, type, range, default and documentation |
//! | [`Part`] | the part of a setting that a companion key provides: a file, a part of a URL |
//! | [`Source`] | where a value is from |
//! | [`ConfigValue`] | a type that can be read from the text of a variable |
//! | [`Reader`] | reads all keys of a factory and collects everything that is wrong |
//! | [`ConfigError`] | everything that was wrong, together |
//! | [`SecretUrl`] | a database URL that nothing prints by accident |
//! | [`Credentials`] | a user and a password, for `Factory::with_credentials` |
//! | [`Settings`] | the standard settings, typed |
//! | [`TraceText`] | what spans show of a statement's text |
//! | [`env_example`] | the text of an `.env.example` |

mod credentials;
mod describe;
#[cfg(feature = "dotenv")]
mod dotenv;
mod duration;
mod env_example;
mod error;
mod key;
pub(crate) mod known_names;
mod open_permit;
mod reader;
pub(crate) mod scheme;
mod secret;
#[cfg(feature = "serde")]
mod serde;
mod settings;
mod source;
mod trace_text;
mod url_dialect;
mod value;

#[cfg(feature = "serde")]
pub(crate) use self::serde::reader as deserialize;
pub use credentials::Credentials;
#[cfg(all(feature = "testing", feature = "dotenv"))]
pub(crate) use dotenv::values as dotenv_values;
pub use env_example::env_example;
pub use error::{ConfigError, Problem, ProblemKind};
pub use key::{Key, Part};
pub(crate) use open_permit::OpenPermit;
pub use reader::Reader;
#[doc(hidden)]
pub use reader::{ByFromStr, CrossChecks, Custom, How, OptionByFromStr, Unreadable};
pub use secrecy::{ExposeSecret, SecretString};
pub use secret::SecretUrl;
pub use settings::Settings;
pub use source::Source;
pub use trace_text::TraceText;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) use url_dialect::is_this_machine;
pub(crate) use url_dialect::{Sealed, UrlDialect};
pub use value::ConfigValue;
