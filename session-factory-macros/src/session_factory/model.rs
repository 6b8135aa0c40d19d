//! A factory's model: everything that the expansion needs.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Path, Type};

use super::backend::Driver;
use super::input::Factory;
use super::number::Number;

/// One factory after validation.
pub(super) struct Model<'a> {
    pub(super) factory: &'a Factory,
    /// The name of the configuration's type.
    pub(super) config: Ident,
    /// True if the application declares the factory's type itself: an error. The rest is then generated for that type.
    pub(super) is_declared: bool,
    /// `None` if the backend is unknown.
    pub(super) driver: Option<Driver>,
    pub(super) fields: Vec<Field<'a>>,
    /// The keys that the macro reads from the compiler's environment.
    pub(super) built: Vec<String>,
    /// The place of `dotenv = true`, if the user wrote it.
    pub(super) dotenv: Option<Span>,
    /// The path of the runtime crate.
    pub(super) krate: Path,
}

impl Model<'_> {
    /// What the macro knows at compile time about a setting's value.
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
    /// The text of the field's documentation: a standard setting's own, or the user's.
    pub(super) doc: String,
    /// An expression of type `Option<ty>`; it may use `__session_factory_reader`.
    pub(super) read: TokenStream,
    /// True for a standard setting.
    pub(super) standard: bool,
    /// The application's type, if the macro cannot know whether it is `Clone` and `Debug`. The flag
    /// is true if the field is an `Option` of that type.
    pub(super) own_type: Option<(&'a Type, bool)>,
    /// The heading above the field's key in `.env.example`.
    pub(super) group: &'static str,
    /// The allowed values, in words.
    pub(super) range: Option<String>,
    pub(super) source: Source,
    /// The value that the macro knows: a constant, a default, or a value from `build_env`.
    pub(super) known: Option<Known>,
    /// Other keys that may give the value, or a part of it.
    pub(super) companions: Vec<CompanionKey>,
}

/// A value that the macro knows at compile time.
pub(super) struct Known {
    pub(super) number: Number,
    /// True if the value cannot change at start-up.
    pub(super) fixed: bool,
    /// Where the user wrote it.
    pub(super) span: Span,
}

/// The origin of a field's value, for its documentation and for `KEYS`.
pub(super) enum Source {
    Constant(String),
    Build {
        key: String,
        ty: String,
        /// The value in this build.
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

/// A key that may give another key's value, or a part of it.
pub(super) struct CompanionKey {
    pub(super) key: String,
    /// The variant of `config::Part` to use.
    pub(super) part: &'static str,
    pub(super) ty: &'static str,
    pub(super) secret: bool,
    pub(super) doc: String,
}
