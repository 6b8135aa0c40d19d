//! The rejections of single values and keys.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Attribute, Expr, Ident, Lit, LitStr};

use super::own_keys::OwnType;
use super::settings::Standard;
use super::validate::Validator;
use super::values::{Checked, check, literal};

impl Validator<'_> {
    pub(super) fn value(
        &mut self,
        standard: &Standard,
        value: &Expr,
        key: &str,
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
        check(standard.kind, value)
            .map_err(|expected| self.errors.on(value, expected))
            .ok()
    }

    /// Whether a constant or a default of an own key may stand.
    pub(super) fn own_value(&mut self, own: &OwnType<'_>, value: &Expr, key: &str) -> bool {
        if own.secret {
            self.secret(value, "this key", key);
            return false;
        }
        let Some(Lit::Str(text)) = literal(value) else {
            return true;
        };
        match own.refuses(&text.value()) {
            Some(expected) => {
                self.errors.on(value, expected);
                false
            }
            None => true,
        }
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

    pub(super) fn build_env(&mut self, token: &Ident, name: &Ident, secret: bool, key: &str) {
        if secret {
            let message = format!(
                "`{name}` is a secret, and `build_env` would put its value into the program; \
                 write `{name} = env(\"{key}\")`, which is read at start-up"
            );
            self.errors.on(token, message);
        } else {
            let message = "`build_env` is not supported yet by this version of session-factory; \
                           write `env(\"KEY\", default = …)`";
            self.errors.on(token, message);
        }
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
