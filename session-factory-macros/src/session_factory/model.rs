//! A factory as it is going to be: all that the expansion needs to know.

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path};

use super::backend::Driver;
use super::input::Factory;

/// A factory as it is going to be.
pub(super) struct Model<'a> {
    pub(super) factory: &'a Factory,
    /// `None` when nobody knows the backend.
    pub(super) driver: Option<Driver>,
    pub(super) fields: Vec<Field<'a>>,
    /// Where the runtime crate is.
    pub(super) krate: Path,
}

/// A field of the configuration.
pub(super) struct Field<'a> {
    pub(super) name: Ident,
    pub(super) ty: TokenStream,
    /// The documentation that the user wrote.
    pub(super) user_docs: Vec<&'a Attribute>,
    /// The documentation of a standard setting, or the text of the user's.
    pub(super) doc: String,
    /// An expression of type `Option<ty>`; it may use `__session_factory_reader`.
    pub(super) read: TokenStream,
    /// Whether it is one of the standard settings.
    pub(super) standard: bool,
    pub(super) source: Source,
}

impl Field<'_> {
    /// Its value, when that is a number which is written in the macro.
    pub(super) fn fixed(&self) -> Option<u32> {
        match &self.source {
            Source::Constant(value) => value.parse().ok(),
            Source::Key { .. } => None,
        }
    }
}

/// Where the value of a field comes from, for its documentation and for `KEYS`.
pub(super) enum Source {
    Constant(String),
    Key {
        key: String,
        ty: String,
        default: Option<String>,
        required: bool,
        secret: bool,
    },
}
