//! Rejects single values and keys.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, Ident, Lit, LitStr};

use super::foreign;
use super::input::words;
use super::key_name::is_key;
use super::literals::literal;
use super::meant::{Line, duration, inner, meant, named_key, quoted};
use super::number::Number;
use super::range::{Bounds, Range};
use super::settings::{Kind, Standard};
use super::validate::Validator;
use super::values::{Checked, check, expected};

impl Validator<'_> {
    pub(super) fn value(
        &mut self,
        standard: &Standard,
        value: &Expr,
        line: &Line<'_>,
    ) -> Option<Checked> {
        if standard.kind.is_secret() {
            if words(&value.to_token_stream()) == "None" {
                let message = format!("remove this line: `{}` is read when it is set", line.key);
                self.errors.on(value, message);
                return None;
            }
            self.secret(value, line);
            return None;
        }
        if literal(value).is_none() && !matches!(value, Expr::Unary(_)) {
            self.errors.on(value, not_a_literal(standard, value, line));
            return None;
        }
        let checked = check(standard.kind, value)
            .map_err(|expected| {
                let message = placeholder(value).map_or(expected, |key| {
                    let read = line.reads_key(&key);
                    format!("nothing is replaced in a text; write `{read}`")
                });
                self.errors.on(value, message);
            })
            .ok()?;
        if let Some(message) = milliseconds(value, line, checked.number) {
            self.errors.on(value, message);
            return None;
        }
        self.value_in_range(value, checked.number, line.range)
            .then_some(checked)
    }

    /// True unless the macro knows that the value is outside the range; that is reported.
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

    /// True if the setting can have this range. Reports why it cannot.
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

    /// Rejects a value or a default that would put a secret into the program.
    pub(super) fn secret(&mut self, value: &Expr, line: &Line<'_>) {
        let name = line.name;
        let tokens = value.to_token_stream();
        let calls = foreign::calls(&tokens);
        if let (true, [first, _, ..]) = (name == "replica_url", calls.as_slice()) {
            let message = format!("a factory has one replica; write `{}`", line.is(first));
            self.errors.on(value, message);
            return;
        }
        let read = match named_key(&tokens) {
            _ if calls.len() == 1 && line.function.is_none() => line.is(&calls[0]),
            Some((key, _)) if line.function.is_none() => line.reads_key(&key),
            _ => line.reads(),
        };
        let is_written =
            literal(inner(value).unwrap_or(value)).is_some() || tokens.to_string().contains('!');
        let message = if is_written {
            format!(
                "`{name}` is a secret, and this would be in the program for everybody to read; \
                 write `{read}`, which is read at start-up"
            )
        } else {
            format!("`{name}` is a secret, which is read at start-up; write `{read}`")
        };
        self.errors.on(value, message);
    }

    pub(super) fn build_env_on_a_secret(&mut self, function: &Ident, line: &Line<'_>) {
        let message = format!(
            "`{}` is a secret, and with `build_env` it would be in the program for everybody to read; \
             write `{}`, which is read at start-up",
            line.name,
            line.is(&format!("env(\"{}\")", line.key))
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

    /// Returns a setting's documentation, and rejects its other attributes, which would do nothing.
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

/// The key that the user probably meant.
fn as_key(key: &str) -> String {
    let name = key
        .trim()
        .trim_start_matches(['$', '{'])
        .trim_end_matches('}');
    // `DB_ECHO=true` and `DB_ECHO:-true`.
    let name = name.split(['=', ':']).next().unwrap_or(name).trim();
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

/// `DB_ECHO`, from `"${DB_ECHO}"`.
fn placeholder(value: &Expr) -> Option<String> {
    let Some(Lit::Str(text)) = literal(value) else {
        return None;
    };
    let text = text.value();
    let key = text.strip_prefix('$')?.trim_start_matches(['{', '(']);
    let key = key.trim_end_matches(['}', ')']);
    is_key(key).then(|| key.to_owned())
}

/// Suggests a unit for a bare number that is probably meant as milliseconds: the macro reads it as seconds.
fn milliseconds(value: &Expr, line: &Line<'_>, number: Option<Number>) -> Option<String> {
    let (Some(Lit::Int(_)), Some(Number::Duration(duration))) = (literal(value), number) else {
        return None;
    };
    let seconds = duration.as_secs();
    let is_likely = seconds >= 1000 && seconds.is_multiple_of(500);
    is_likely.then(|| {
        format!(
            "a number without a unit is seconds; write `{}` if milliseconds are meant, or `\"{seconds}s\"`",
            line.with(&quoted(Duration::from_millis(seconds)))
        )
    })
}

/// The advice for a value that is neither a key nor a literal.
fn not_a_literal(standard: &Standard, value: &Expr, line: &Line<'_>) -> String {
    let tokens = value.to_token_stream();
    let text = words(&tokens);
    let is_duration = matches!(standard.kind, Kind::Duration | Kind::OptionalDuration);
    if text == "None" && !is_duration {
        return if line.function.is_some() {
            format!("write the value, or no default: `{}`", line.reads())
        } else {
            format!(
                "write a value, or remove the line: `{}` is read then",
                line.key
            )
        };
    }
    if let Some(meant) = meant(standard.kind, value) {
        let written = line.with(&meant);
        return match inner(value) {
            _ if is_duration && duration(value).is_some() => {
                format!("write the duration as a text: `{written}`")
            }
            Some(_) => format!("write the value alone: `{written}`"),
            None => format!("write `{written}`"),
        };
    }
    if duration(value).is_some_and(|duration| duration.is_zero()) {
        return expected(standard.kind);
    }
    let without_default = if line.function.is_some() {
        "without a default"
    } else {
        "which is read at start-up"
    };
    match named_key(&tokens) {
        Some((key, is_built)) if line.function.is_none() => {
            let function = if is_built { "build_env" } else { "env" };
            // If the user's code handles an unset variable, the `env(…)` that replaces it needs a default.
            let may_be_unset = [
                "option_env!",
                "is_ok(",
                "is_some(",
                ".ok(",
                "unwrap_or",
                "var_os",
            ]
            .iter()
            .any(|word| text.contains(word));
            let default = match standard.default {
                _ if !may_be_unset => None,
                // Such code treats a set variable as `true`, so an unset one means `false`.
                Some(_) if standard.kind == Kind::Bool => Some("false".to_owned()),
                Some(default) if is_duration => Some(format!("\"{default}\"")),
                Some(default) => Some(default.to_owned()),
                None => None,
            };
            let default = written_default(value, standard.kind)
                .or(default)
                .map_or_else(String::new, |default| format!(", default = {default}"));
            let read = line.is(&format!("{function}(\"{key}\"{default})"));
            if text == key {
                format!(
                    "a constant of Rust cannot stand here; write its value, or `{read}`, which is read at start-up"
                )
            } else {
                format!("write `{read}`")
            }
        }
        _ => format!(
            "a value that is computed cannot stand here; write a literal, or `{}`, {without_default}",
            line.reads()
        ),
    }
}

/// `5`, from `env::var("KEY").unwrap_or(5)`.
fn written_default(value: &Expr, kind: Kind) -> Option<String> {
    let Expr::MethodCall(call) = value else {
        return None;
    };
    if call.method != "unwrap_or" && call.method != "map_or" {
        return written_default(&call.receiver, kind);
    }
    meant(kind, call.args.first()?)
}

pub(super) fn is_text(value: &Expr) -> bool {
    matches!(literal(value), Some(Lit::Str(_)))
}

/// The value's text in the environment, where the macro can derive it.
pub(super) fn as_text(value: &Expr) -> String {
    match literal(value) {
        Some(Lit::Str(text)) => text.value(),
        Some(Lit::Int(number)) => number.base10_digits().to_owned(),
        Some(Lit::Float(number)) => number.base10_digits().to_owned(),
        _ => value.to_token_stream().to_string(),
    }
}

/// The code that reads a setting and checks its range.
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
