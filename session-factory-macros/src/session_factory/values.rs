//! Checks constants and defaults of the standard settings at compile time.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Ident, Lit};

use super::literals::{duration_tokens, has_unit, literal};
use super::number::Number;
use super::settings::{Choice, Kind};
use crate::duration::{meant as meant_duration, parse as parse_duration};

/// A valid value.
pub(super) struct Checked {
    /// The value's text in the environment.
    pub(super) text: String,
    /// An expression of the field's type.
    pub(super) tokens: TokenStream,
    /// The value for comparisons.
    pub(super) number: Option<Number>,
}

/// Checks a literal. The error says what was expected and what to write.
pub(super) fn check(kind: Kind, value: &Expr) -> Result<Checked, String> {
    let checked = match kind {
        Kind::Url | Kind::OptionalUrl => None,
        Kind::Bool => boolean(value),
        Kind::Choice(choice) => match literal(value) {
            Some(Lit::Str(text)) => chosen(choice, &text.value()),
            _ => None,
        },
        Kind::OptionalSize if is_off(value) => Some(off()),
        Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize => {
            number(value).and_then(|number| count(kind, number))
        }
        Kind::Duration | Kind::OptionalDuration => {
            text_of_duration(value).and_then(|text| duration(kind, text))
        }
    };
    checked.ok_or_else(|| match instead(kind, value) {
        Some(instead) => format!("{}; write `{instead}`", wanted(kind)),
        None => expected(kind),
    })
}

/// What the user probably meant by a literal of another kind.
pub(super) fn instead(kind: Kind, value: &Expr) -> Option<String> {
    let literal = literal(value)?;
    match (kind, literal) {
        (Kind::Bool, Lit::Str(text)) => parse_boolean(&text.value()).map(|value| value.to_string()),
        (Kind::Bool, Lit::Int(number)) => {
            parse_boolean(number.base10_digits()).map(|value| value.to_string())
        }
        (Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize, Lit::Str(text)) => {
            let number: u64 = text.value().trim().parse().ok()?;
            count(kind, number).map(|checked| checked.text)
        }
        (Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize, Lit::Char(digit)) => {
            count(kind, digit.value().to_digit(10)?.into()).map(|checked| checked.text)
        }
        (Kind::Duration | Kind::OptionalDuration, Lit::Str(text)) => {
            meant_duration(&text.value()).map(|text| format!("\"{text}\""))
        }
        (Kind::Duration | Kind::OptionalDuration, Lit::Int(_) | Lit::Float(_)) => {
            let text = literal.to_token_stream().to_string().replace('_', "");
            duration(kind, text.clone()).map(|_| format!("\"{text}\""))
        }
        (Kind::Duration | Kind::OptionalDuration | Kind::OptionalSize, Lit::Bool(on))
            if !on.value =>
        {
            Some("\"off\"".to_owned())
        }
        _ => None,
    }
}

/// Checks a text from the environment. The error says what was expected.
pub(super) fn check_text(kind: Kind, text: &str) -> Result<Checked, String> {
    let checked = match kind {
        Kind::Url | Kind::OptionalUrl => None,
        Kind::Bool => parse_boolean(text).map(|value| Checked {
            text: value.to_string(),
            tokens: quote!(#value),
            number: None,
        }),
        Kind::Choice(choice) => chosen(choice, text),
        Kind::OptionalSize if is_word_for_off(text) => Some(off()),
        Kind::Size | Kind::Count | Kind::OptionalCount | Kind::OptionalSize => {
            text.parse().ok().and_then(|number| count(kind, number))
        }
        Kind::Duration | Kind::OptionalDuration => duration(kind, text.to_owned()),
    };
    checked.ok_or_else(|| expected(kind))
}

/// The expected value, and what to write.
pub(super) fn expected(kind: Kind) -> String {
    if let Kind::Choice(choice) = kind {
        let words: Vec<_> = choice
            .words
            .iter()
            .map(|(word, _)| format!("`\"{word}\"`"))
            .collect();
        return format!("{}; write {}", wanted(kind), words.join(", "));
    }
    let sample = match kind {
        Kind::Url | Kind::OptionalUrl => "`env(\"DATABASE_URL\")`",
        Kind::Bool | Kind::Choice(_) => "`true` or `false`",
        Kind::Size => "`5`",
        Kind::Count => "`10`",
        Kind::OptionalCount => "`100`, or `0` to keep none",
        Kind::OptionalSize => "`100`, or `\"off\"`",
        Kind::Duration | Kind::OptionalDuration => {
            "`\"30s\"` or `\"500ms\"`, or `\"off\"` for no limit"
        }
    };
    format!("{}; write {sample}", wanted(kind))
}

/// The expected value.
fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Url | Kind::OptionalUrl => "expected a key, as a secret is read at start-up",
        Kind::Bool => "expected a boolean",
        Kind::Choice(_) => "expected one of its words",
        Kind::Size | Kind::OptionalSize => "expected a whole number of at least 1",
        Kind::Count => "expected a whole number from 0 to 4294967295",
        Kind::OptionalCount => "expected a whole number",
        Kind::Duration | Kind::OptionalDuration => "expected a duration longer than zero",
    }
}

/// Parses a boolean by the same rules as `config/value.rs` in the runtime crate. Change both together.
pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "on" => Some(true),
        "false" | "0" | "f" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn boolean(value: &Expr) -> Option<Checked> {
    match literal(value)? {
        Lit::Bool(literal) => Some(Checked {
            text: literal.value.to_string(),
            tokens: literal.to_token_stream(),
            number: None,
        }),
        _ => None,
    }
}

fn number(value: &Expr) -> Option<u64> {
    match literal(value)? {
        Lit::Int(literal) if !has_unit(literal.suffix()) => literal.base10_parse().ok(),
        _ => None,
    }
}

fn count(kind: Kind, number: u64) -> Option<Checked> {
    let tokens = if kind == Kind::OptionalCount {
        let number = usize::try_from(number).ok()?;
        quote!(::core::option::Option::Some(#number))
    } else {
        let number = u32::try_from(number).ok()?;
        if matches!(kind, Kind::Size | Kind::OptionalSize) && number == 0 {
            return None;
        }
        if kind == Kind::OptionalSize {
            quote!(::core::option::Option::Some(#number))
        } else {
            quote!(#number)
        }
    };
    Some(Checked {
        text: number.to_string(),
        tokens,
        number: Some(Number::Integer(number.into())),
    })
}

/// The variant that a word stands for.
fn chosen(choice: &Choice, text: &str) -> Option<Checked> {
    let is_meant = |(word, _): &&(&str, &str)| word.eq_ignore_ascii_case(text.trim());
    let (word, variant) = choice.words.iter().find(is_meant)?;
    Some(Checked {
        text: (*word).to_owned(),
        tokens: choice_tokens(choice, variant),
        number: None,
    })
}

/// The generated `impl` imports the runtime's `config` module under this name, because it knows the crate's path.
fn choice_tokens(choice: &Choice, variant: &str) -> TokenStream {
    let ty = Ident::new(choice.ty, Span::call_site());
    let variant = Ident::new(variant, Span::call_site());
    quote!(__session_factory_config::#ty::#variant)
}

/// A setting that is turned off.
fn off() -> Checked {
    Checked {
        text: "off".to_owned(),
        tokens: quote!(::core::option::Option::None),
        number: None,
    }
}

fn is_off(value: &Expr) -> bool {
    matches!(literal(value), Some(Lit::Str(text)) if is_word_for_off(&text.value()))
}

fn is_word_for_off(text: &str) -> bool {
    matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "off" | "none" | "never"
    )
}

fn text_of_duration(value: &Expr) -> Option<String> {
    match literal(value)? {
        Lit::Str(literal) => Some(literal.value()),
        Lit::Int(literal) if has_unit(literal.suffix()) => None,
        Lit::Float(literal) if has_unit(literal.suffix()) => None,
        Lit::Int(literal) => Some(literal.base10_digits().to_owned()),
        Lit::Float(literal) => Some(literal.base10_digits().to_owned()),
        _ => None,
    }
}

fn duration(kind: Kind, text: String) -> Option<Checked> {
    let optional = kind == Kind::OptionalDuration;
    // The same words as in `config/duration.rs` of the runtime crate. Change both together.
    let is_off = is_word_for_off(&text);
    if optional && is_off {
        return Some(Checked {
            text,
            tokens: quote!(::core::option::Option::None),
            number: None,
        });
    }
    let duration = if is_off {
        Duration::MAX
    } else {
        parse_duration(&text).filter(|duration| !duration.is_zero())?
    };
    let mut tokens = duration_tokens(duration);
    if optional {
        tokens = quote!(::core::option::Option::Some(#tokens));
    }
    Some(Checked {
        text,
        tokens,
        number: Some(Number::Duration(duration)),
    })
}
