//! A factory's model: all that the expansion needs to know.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Path, Type};

use super::backend::Driver;
use super::input::Factory;
use super::number::Number;

/// A factory's model.
pub(super) struct Model<'a> {
    pub(super) factory: &'a Factory,
    /// `None` if the backend is unknown.
    pub(super) driver: Option<Driver>,
    pub(super) fields: Vec<Field<'a>>,
    /// The keys that the macro reads from the compiler's environment.
    pub(super) built: Vec<String>,
    /// Where `dotenv = true` is written.
    pub(super) dotenv: Option<Span>,
    /// Where the runtime crate is.
    pub(super) krate: Path,
}

impl Model<'_> {
    /// What the macro knows about a setting's value.
    pub(super) fn known(&self, setting: &str) -> Option<&Known> {
        let field = self.fields.iter().find(|field| field.name == setting)?;
        field.known.as_ref()
    }

    /// A setting's value, if it is a number that nothing can change at start-up.
    pub(super) fn fixed(&self, setting: &str) -> Option<u32> {
        match self.known(setting) {
            Some(Known {
                number: Number::Integer(number),
                fixed: true,
                ..
            }) => u32::try_from(*number).ok(),
            _ => None,
        }
    }
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
    /// An application's type, for which the macro cannot know `Clone` and `Debug`; and whether the field is an `Option`
    /// around it.
    pub(super) own_type: Option<(&'a Type, bool)>,
    /// The heading that it belongs under.
    pub(super) group: &'static str,
    /// The values that it may have, in words.
    pub(super) range: Option<String>,
    pub(super) source: Source,
    /// The value that the user wrote, as a constant, a default or for the build.
    pub(super) known: Option<Known>,
    /// Other keys that may give its value, or a part of it.
    pub(super) companions: Vec<CompanionKey>,
}

/// A value that is known while the program is compiled.
pub(super) struct Known {
    pub(super) number: Number,
    /// Nothing at start-up can change it.
    pub(super) fixed: bool,
    /// Where it is written.
    pub(super) span: Span,
}

/// Where the value of a field comes from, for its documentation and for `KEYS`.
pub(super) enum Source {
    Constant(String),
    Build {
        key: String,
        ty: String,
        /// The value that it has for now.
        value: String,
        default: Option<String>,
    },
    Key {
        key: String,
        ty: String,
        default: Option<String>,
        required: bool,
        secret: bool,
    },
}

/// A key that may give the value of another, or a part of it.
pub(super) struct CompanionKey {
    pub(super) key: String,
    /// The name of the variant of `config::Part`.
    pub(super) part: &'static str,
    pub(super) ty: &'static str,
    pub(super) secret: bool,
    pub(super) doc: String,
}
