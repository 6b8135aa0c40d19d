//! Constants and defaults of the standard settings, checked when the program is compiled.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Lit};

use super::number::Number;
use super::settings::Kind;
use crate::duration::parse as parse_duration;

/// A value that was found to be right.
pub(super) struct Checked {
    /// As it would be written in the environment.
    pub(super) text: String,
    /// As an expression of the field's type.
    pub(super) tokens: TokenStream,
    /// To be compared with.
    pub(super) number: Option<Number>,
}

/// The value of a literal, or what was expected.
pub(super) fn check(kind: Kind, value: &Expr) -> Result<Checked, &'static str> {
    let checked = match kind {
        Kind::Url | Kind::OptionalUrl => None,
        Kind::Bool => boolean(value),
        Kind::Size | Kind::Count | Kind::OptionalCount => {
            number(value).and_then(|number| count(kind, number))
        }
        Kind::Duration | Kind::OptionalDuration => {
            text_of_duration(value).and_then(|text| duration(kind, text))
        }
    };
    checked.ok_or_else(|| expected(kind))
}

/// The value of a text from the environment, or what was expected.
pub(super) fn check_text(kind: Kind, text: &str) -> Result<Checked, &'static str> {
    let checked = match kind {
        Kind::Url | Kind::OptionalUrl => None,
        Kind::Bool => parse_boolean(text).map(|value| Checked {
            text: value.to_string(),
            tokens: quote!(#value),
            number: None,
        }),
        Kind::Size | Kind::Count | Kind::OptionalCount => {
            text.parse().ok().and_then(|number| count(kind, number))
        }
        Kind::Duration | Kind::OptionalDuration => duration(kind, text.to_owned()),
    };
    checked.ok_or_else(|| expected(kind))
}

/// What a value is to be, and what to write.
pub(super) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Url | Kind::OptionalUrl => "a secret is read at start-up; write `env(\"KEY\")`",
        Kind::Bool => "expected a boolean; write `true` or `false`",
        Kind::Size => "expected a whole number of at least 1; write `5`",
        Kind::Count => "expected a whole number from 0 to 4294967295; write `10`",
        Kind::OptionalCount => "expected a whole number; write `0` for none or `100`",
        Kind::Duration => {
            "expected a duration longer than zero; write `\"30s\"`, `\"500ms\"` or `\"1m 30s\"`"
        }
        Kind::OptionalDuration => {
            "expected a duration longer than zero; write `\"30s\"`, `\"500ms\"`, or `\"off\"` for none"
        }
    }
}

/// The text of a literal, and whether it is one.
pub(super) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        // What `macro_rules!` passes on is in an invisible group.
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

/// As `config/value.rs` of the runtime reads it; a change here belongs there too.
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
        Lit::Int(literal) => literal.base10_parse().ok(),
        _ => None,
    }
}

fn count(kind: Kind, number: u64) -> Option<Checked> {
    let tokens = if kind == Kind::OptionalCount {
        let number = usize::try_from(number).ok()?;
        quote!(::core::option::Option::Some(#number))
    } else {
        let number = u32::try_from(number).ok()?;
        if kind == Kind::Size && number == 0 {
            return None;
        }
        quote!(#number)
    };
    Some(Checked {
        text: number.to_string(),
        tokens,
        number: Some(Number::Integer(number.into())),
    })
}

fn text_of_duration(value: &Expr) -> Option<String> {
    match literal(value)? {
        Lit::Str(literal) => Some(literal.value()),
        Lit::Int(literal) => Some(literal.base10_digits().to_owned()),
        Lit::Float(literal) => Some(literal.base10_digits().to_owned()),
        _ => None,
    }
}

fn duration(kind: Kind, text: String) -> Option<Checked> {
    let optional = kind == Kind::OptionalDuration;
    // As `config/duration.rs` of the runtime reads it; a change here belongs there too.
    let is_off = matches!(
        text.trim().to_ascii_lowercase().as_str(),
        "off" | "none" | "never"
    );
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

pub(super) fn duration_tokens(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}
