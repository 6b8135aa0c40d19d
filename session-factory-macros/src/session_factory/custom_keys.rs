//! The fields for the application's own keys.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, Ident, Type};

use super::build::{self, Built};
use super::checks::{as_text, is_text, with_range};
use super::companion_keys;
use super::custom_type::CustomType;
use super::docs::text_of;
use super::foreign::{means, of_ones_own, unknown};
use super::input::{Setting, Value, Variable};
use super::meant::Line;
use super::model::{Field, Source};
use super::number::Number;
use super::range::Range;
use super::settings::{GLOBALS, names};
use super::validate::Validator;

const GROUP: &str = "The application's own";

impl Validator<'_> {
    /// The field for one of the application's own keys.
    pub(super) fn own<'a>(&mut self, setting: &'a Setting) -> Option<Field<'a>> {
        let name = &setting.name;
        let text = name.unraw().to_string();
        if names().chain(GLOBALS).any(|standard| standard == text) {
            return None;
        }
        let Some(ty) = &setting.ty else {
            let range = setting.range.as_ref();
            self.errors
                .on(name, unknown(&text, range, source(&setting.value).as_ref()));
            return None;
        };
        // A line with a type and a range declares an application's key, even if another library has that setting.
        if let (Value::Constant(value), None) = (&setting.value, &setting.range)
            && let Some(advice) = means(&text, Some(&value.to_token_stream()))
        {
            let own = of_ones_own(name, ty);
            let message = format!("there is no setting `{name}`; {advice}{own}");
            self.errors.on(name, message);
            return None;
        }
        if syn::parse_str::<Ident>(&name.to_string()).is_err() {
            let message = match text.as_str() {
                "self" | "Self" | "super" | "crate" | "_" => {
                    format!("`{text}` cannot be the name of a field; write another name")
                }
                _ => format!("`{text}` is a keyword of Rust; write `r#{text}`, or another name"),
            };
            self.errors.on(name, message);
            return None;
        }
        let own = CustomType::of(ty);
        let unreadable = own.unreadable(self.vis);
        if let Some(message) = &unreadable {
            self.errors.on(ty, message);
            if !own.can_be_a_field() {
                return None;
            }
        }
        let user_docs: Vec<_> = self.only_docs(&setting.attrs).collect();
        let doc = text_of(&user_docs);
        let range = setting.range.as_ref().filter(|range| {
            let bounds = (!own.has_no_range()).then(|| own.bounds());
            self.range(range, bounds, name)
        });
        let (function, key) = match &setting.value {
            Value::Env(variable) | Value::BuildEnv(variable) => {
                (Some(variable.function.to_string()), variable.key.value())
            }
            _ => (None, text.to_uppercase()),
        };
        let line = Line::of(&text, Some(ty), range, function, key);
        let (read, source) = match &setting.value {
            _ if unreadable.is_some() => nothing(ty),
            Value::Env(variable) => self.own_key(&own, &line, variable),
            Value::BuildEnv(variable) => self
                .own_built(&own, &line, variable)
                .unwrap_or_else(|| nothing(ty)),
            Value::Constant(value) if !self.own_default(&own, &line, value) => nothing(ty),
            Value::Constant(value) => {
                let shown = as_text(value);
                let value = own.constant(value, &self.krate);
                (
                    quote!(__session_factory_reader.constant(#text, #shown, #value)),
                    Source::Constant(shown),
                )
            }
            Value::Crate(_) | Value::Standard | Value::Broken => nothing(ty),
        };
        let read = match range {
            Some(range) => {
                let range = range.tokens(own.bounds());
                with_range(&text, &read, Some(range), own.optional)
            }
            None => read,
        };
        let companions = match &source {
            Source::Key {
                key, secret: true, ..
            } => vec![companion_keys::file(key)],
            _ => Vec::new(),
        };
        Some(Field {
            name: name.clone(),
            ty: ty.to_token_stream(),
            user_docs,
            doc,
            read,
            standard: false,
            own_type: (!own.is_known()).then_some((own.inner, own.optional)),
            group: GROUP,
            range: range.map(Range::words),
            source,
            known: None,
            companions,
        })
    }

    /// A key that the program reads at start-up.
    fn own_key(
        &mut self,
        own: &CustomType<'_>,
        line: &Line<'_>,
        variable: &Variable,
    ) -> (TokenStream, Source) {
        let setting = line.name;
        let key = self.key(&variable.key);
        self.claim(&key, setting, variable.key.span());
        let default = variable
            .default
            .as_ref()
            .filter(|value| self.own_default(own, line, value));
        let ty = own.ty;
        let how = own.how(&self.krate);
        let read = match default {
            Some(value) if !is_text(value) => {
                let value = own.default(value);
                quote!(__session_factory_reader.custom_or::<#ty>(#setting, &#how, || #value))
            }
            _ => quote!(__session_factory_reader.custom::<#ty>(#setting, &#how)),
        };
        let default = default.map(as_text);
        let source = Source::Key {
            key,
            ty: own.words(),
            required: default.is_none() && !own.optional,
            default,
            secret: own.secret,
        };
        (read, source)
    }

    /// A key that the macro reads at compile time. `None` after reporting what is wrong.
    fn own_built(
        &mut self,
        own: &CustomType<'_>,
        line: &Line<'_>,
        variable: &Variable,
    ) -> Option<(TokenStream, Source)> {
        let (setting, range) = (line.name, line.range);
        let key = self.key(&variable.key);
        if own.secret {
            self.build_env_on_a_secret(&variable.function, line);
            return None;
        }
        self.claim(&key, setting, variable.key.span());
        let found = build::read(variable, self.errors)?;
        self.built.push(key.clone());
        let default = variable
            .default
            .as_ref()
            .filter(|value| self.own_default(own, line, value));
        let (shown, value, from) = match found {
            Built::Set(text) => {
                let problem = own.refuses(&text).or_else(|| {
                    let outside = own.number(&text)?;
                    let range = range.filter(|range| !range.contains(outside))?;
                    Some(format!("expected a value in {}", range.words()))
                });
                if let Some(expected) = problem {
                    build::malformed(&variable.key, &expected, &text, self.errors);
                    return None;
                }
                let value = own.of_text(&text, &self.krate);
                (text, value, quote!(Build))
            }
            Built::Default(_) => {
                let value = default?;
                (
                    as_text(value),
                    own.constant(value, &self.krate),
                    quote!(Default),
                )
            }
            Built::Unset if own.optional => {
                let none = quote!(::core::option::Option::None);
                let value = quote!(::core::option::Option::Some(#none));
                (String::new(), value, quote!(NotSet))
            }
            Built::Unset => {
                let expected = format!("expected a value of the type `{}`", own.words());
                build::unset(&variable.key, &expected, self.errors);
                return None;
            }
        };
        let krate = &self.krate;
        let from = quote!(#krate::__private::Source::#from);
        let read = quote!(__session_factory_reader.built(#setting, #shown, #value, #from));
        let source = Source::Build {
            key,
            ty: own.words(),
            value: shown,
            default: default.map(as_text),
        };
        Some((read, source))
    }

    /// True if this constant or default is allowed. Reports why it is not.
    fn own_default(&mut self, own: &CustomType<'_>, line: &Line<'_>, value: &Expr) -> bool {
        if own.secret {
            self.secret(value, line);
            return false;
        }
        if let Some(expected) = own.refuses_value(value, line) {
            self.errors.on(value, expected);
            return false;
        }
        let text = is_text(value).then(|| as_text(value));
        if let Some(expected) = text.as_ref().and_then(|text| own.refuses(text)) {
            self.errors.on(value, expected);
            return false;
        }
        let number = text.map_or_else(|| Number::of(value), |text| own.number(&text));
        self.value_in_range(value, number, line.range)
    }
}

/// A field whose value has a reported error. The field still exists, so code that names it
/// compiles.
fn nothing(ty: &Type) -> (TokenStream, Source) {
    let read = quote!(::core::option::Option::<#ty>::None);
    (read, Source::Constant(String::new()))
}

/// The value as the user wrote it.
fn source(value: &Value) -> Option<TokenStream> {
    value.source()?.parse().ok()
}
