//! The rejections of single values and keys.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, Lit, LitStr};

use super::foreign::as_duration;
use super::input::words;
use super::key_name::is_key;
use super::literals::literal;
use super::number::Number;
use super::range::{Bounds, Range};
use super::settings::{Kind, Standard};
use super::validate::Validator;
use super::values::{Checked, check, parse_boolean};

impl Validator<'_> {
    pub(super) fn value(
        &mut self,
        standard: &Standard,
        value: &Expr,
        key: &str,
        range: Option<&Range>,
    ) -> Option<Checked> {
        if standard.kind.is_secret() {
            if words(&value.to_token_stream()) == "None" {
                let message = format!("remove this line: `{key}` is read when it is set");
                self.errors.on(value, message);
                return None;
            }
            self.secret(value, standard.name, key);
            return None;
        }
        if literal(value).is_none() && !matches!(value, Expr::Unary(_)) {
            let message = not_a_literal(standard, value, key);
            self.errors.on(value, message);
            return None;
        }
        let checked = check(standard.kind, value)
            .map_err(|expected| {
                let message = placeholder(value).map_or(expected, |key| {
                    format!(
                        "nothing is replaced in a text; write `{} = env(\"{key}\")`",
                        standard.name
                    )
                });
                self.errors.on(value, message);
            })
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
                    "this is not in the range {}; write a value that is, or another range",
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
            Some(bounds) => range.refuses(bounds),
            None => Some(format!(
                "a range is for numbers and durations, and `{name}` is neither; remove the range"
            )),
        };
        if let Some(problem) = &problem {
            self.errors.on(range, problem);
        }
        problem.is_none()
    }

    pub(super) fn secret(&mut self, tokens: impl ToTokens, name: &str, key: &str) {
        let message = format!(
            "`{name}` is a secret, and this would be in the program for everybody to read; \
             write `{name} = env(\"{key}\")`, which is read at start-up"
        );
        self.errors.on(tokens, message);
    }

    pub(super) fn build_env_on_a_secret(&mut self, function: &Ident, name: &Ident, key: &str) {
        let message = format!(
            "`{name}` is a secret, and with `build_env` it would be in the program for everybody to read; \
             write `env(\"{key}\")`, which is read at start-up"
        );
        self.errors.on(function, message);
    }

    pub(super) fn key(&mut self, literal: &LitStr) -> String {
        let key = literal.value();
        if !is_key(&key) {
            let message = format!(
                "a key is the name of an environment variable, which has letters, digits and `_` alone; \
                 write `\"{}\"`",
                as_key(&key)
            );
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
                "a setting has documentation (`/// …`) and no other attributes; remove this one",
            );
        }
        attrs.iter().filter(|attr| attr.path().is_ident("doc"))
    }
}

/// The key that was probably meant.
fn as_key(key: &str) -> String {
    let name = key
        .trim()
        .trim_start_matches(['$', '{'])
        .trim_end_matches('}');
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    if name.is_empty() {
        "DB_ECHO".to_owned()
    } else {
        name
    }
}

/// `DB_ECHO` in `"${DB_ECHO}"`.
fn placeholder(value: &Expr) -> Option<String> {
    let Some(Lit::Str(text)) = literal(value) else {
        return None;
    };
    let text = text.value();
    let key = text.strip_prefix('$')?.trim_start_matches(['{', '(']);
    let key = key.trim_end_matches(['}', ')']);
    is_key(key).then(|| key.to_owned())
}

/// What to write for a value that is neither a key nor a literal.
fn not_a_literal(standard: &Standard, value: &Expr, key: &str) -> String {
    let name = standard.name;
    let tokens = value.to_token_stream();
    let duration = matches!(standard.kind, Kind::Duration | Kind::OptionalDuration);
    if let (true, Some(duration)) = (duration, as_duration(value)) {
        return format!("write the duration as a text: `{name} = {duration}`");
    }
    let text = words(&tokens);
    if text == "None" {
        return if duration {
            format!("write `{name} = \"off\"`")
        } else {
            format!("write a value, or remove the line: `{key}` is read then")
        };
    }
    if let Expr::Call(call) = value
        && words(&call.func.to_token_stream()) == "Some"
        && let Some(inner) = call.args.first()
    {
        return format!(
            "write the value alone: `{name} = {}`",
            words(&inner.to_token_stream())
        );
    }
    if let Expr::MethodCall(call) = value
        && let Some(Lit::Str(text)) = literal(&call.receiver)
    {
        return format!(
            "write the value alone: `{name} = {}`",
            text.to_token_stream()
        );
    }
    let is_off = matches!(text.to_ascii_lowercase().as_str(), "off" | "none" | "never");
    match standard.kind {
        Kind::Bool if parse_boolean(&text).is_some() => {
            return format!("write `{name} = {}`", parse_boolean(&text) == Some(true));
        }
        Kind::Duration | Kind::OptionalDuration if is_off => {
            return format!("write `{name} = \"off\"`");
        }
        Kind::OptionalCount if is_off => return format!("write `{name} = 0`"),
        _ => {}
    }
    // `std::env::var("ECHO")`, `env!("ECHO")`, `getenv("ECHO")`
    let reads = text.to_ascii_lowercase();
    let reads = reads.contains("env") || reads.contains("var");
    let quoted = text.split('"').nth(1).filter(|key| reads && is_key(key));
    if let Some(key) = quoted {
        let function = if text.contains('!') || text.contains("build") {
            "build_env"
        } else {
            "env"
        };
        return format!("write `{name} = {function}(\"{key}\")`");
    }
    format!(
        "a value that is computed cannot stand here; write a literal, or `{name} = env(\"{key}\")`, which is \
         read at start-up"
    )
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
