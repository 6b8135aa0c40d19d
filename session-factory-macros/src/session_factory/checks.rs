//! The rejections of single values and keys.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, Lit, LitStr};

use super::number::Number;
use super::range::{Bounds, Range};
use super::settings::Standard;
use super::validate::Validator;
use super::values::{Checked, check, literal};

impl Validator<'_> {
    pub(super) fn value(
        &mut self,
        standard: &Standard,
        value: &Expr,
        key: &str,
        range: Option<&Range>,
    ) -> Option<Checked> {
        if standard.kind.is_secret() {
            self.secret(value, standard.name, key);
            return None;
        }
        if literal(value).is_none() && !matches!(value, Expr::Unary(_)) {
            let message = format!(
                "`{}` takes a literal or a variable; write `{} = env(\"{key}\")`",
                standard.name, standard.name
            );
            self.errors.on(value, message);
            return None;
        }
        let checked = check(standard.kind, value)
            .map_err(|expected| self.errors.on(value, expected))
            .ok()?;
        self.value_in_range(value, checked.number, range)
            .then_some(checked)
    }

    /// Whether a value that is known may stand. Of one that is not known nothing is asked.
    pub(super) fn value_in_range(
        &mut self,
        value: &Expr,
        number: Option<Number>,
        range: Option<&Range>,
    ) -> bool {
        match (number, range) {
            (Some(number), Some(range)) if !range.contains(number) => {
                let message = format!(
                    "expected a value in {}; write one, or another range",
                    range.words()
                );
                self.errors.on(value, message);
                false
            }
            _ => true,
        }
    }

    /// Whether a range may stand.
    pub(super) fn range(&mut self, range: &Range, bounds: Option<Bounds>, name: &Ident) -> bool {
        let problem = match bounds {
            Some(bounds) => range.refuses(bounds).map(str::to_owned),
            None => Some(format!(
                "a range is for numbers and durations; remove that of `{name}`"
            )),
        };
        if let Some(problem) = &problem {
            self.errors.on(range, problem);
        }
        problem.is_none()
    }

    pub(super) fn secret(&mut self, tokens: impl ToTokens, name: &str, key: &str) {
        let name = if name == "this key" {
            name.to_owned()
        } else {
            format!("`{name}`")
        };
        let message = format!(
            "{name} is a secret, and this would put its value into the program; \
             write `env(\"{key}\")`, which is read at start-up"
        );
        self.errors.on(tokens, message);
    }

    pub(super) fn build_env_on_a_secret(&mut self, function: &Ident, name: &Ident, key: &str) {
        let message = format!(
            "`{name}` is a secret, and `build_env` would put its value into the program; \
             write `{name} = env(\"{key}\")`, which is read at start-up"
        );
        self.errors.on(function, message);
    }

    pub(super) fn key(&mut self, literal: &LitStr) -> String {
        let key = literal.value();
        if !is_key(&key) {
            let message = "this cannot be the name of an environment variable; \
                           write letters, digits and `_`, as in `env(\"DB_ECHO\")`";
            self.errors.on(literal, message);
        }
        key
    }

    pub(super) fn claim(&mut self, key: &str, setting: &str, span: Span) {
        if let Some(other) = self.keys.insert(key.to_owned(), setting.to_owned()) {
            let message = format!(
                "`{key}` is the key of `{other}` already; write another key for `{setting}`"
            );
            self.errors.at(span, message);
        }
    }

    /// A setting may have documentation; other attributes would do nothing.
    pub(super) fn only_docs<'a>(
        &mut self,
        attrs: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Attribute> + use<'a> {
        for attr in attrs.iter().filter(|attr| !attr.path().is_ident("doc")) {
            self.errors.on(
                attr,
                "a setting has no attributes but documentation; remove this one",
            );
        }
        attrs.iter().filter(|attr| attr.path().is_ident("doc"))
    }
}

pub(super) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn is_text(value: &Expr) -> bool {
    matches!(literal(value), Some(Lit::Str(_)))
}

/// As it would be written in the environment, as far as that can be told.
pub(super) fn as_text(value: &Expr) -> String {
    match literal(value) {
        Some(Lit::Str(text)) => text.value(),
        Some(Lit::Int(number)) => number.base10_digits().to_owned(),
        Some(Lit::Float(number)) => number.base10_digits().to_owned(),
        _ => value.to_token_stream().to_string(),
    }
}

/// The reading of a setting with the check of its range.
pub(super) fn with_range(
    setting: &str,
    read: &TokenStream,
    range: Option<TokenStream>,
    optional: bool,
) -> TokenStream {
    let Some(range) = range else {
        return read.clone();
    };
    let within = if optional {
        quote!(optional_within)
    } else {
        quote!(within)
    };
    quote! {{
        let __session_factory_value = #read;
        __session_factory_reader.#within(#setting, __session_factory_value, #range)
    }}
}
