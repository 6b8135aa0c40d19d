//! Constants and defaults of the standard settings, checked when the program is compiled.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Lit};

use super::settings::Kind;
use crate::duration::parse as parse_duration;

/// A value that was found to be right.
pub(super) struct Checked {
    /// As it would be written in the environment.
    pub(super) text: String,
    /// As an expression of the field's type.
    pub(super) tokens: TokenStream,
}

/// The value, or what was expected.
pub(super) fn check(kind: Kind, value: &Expr) -> Result<Checked, &'static str> {
    match kind {
        Kind::Url | Kind::OptionalUrl => Err("a secret is read at start-up; write `env(\"KEY\")`"),
        Kind::Bool => boolean(value).ok_or("expected a boolean; write `true` or `false`"),
        Kind::Size => number(value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| *number > 0)
            .map(|number| Checked { text: number.to_string(), tokens: quote!(#number) })
            .ok_or("expected a whole number of at least 1; write `5`"),
        Kind::Count => number(value)
            .and_then(|number| u32::try_from(number).ok())
            .map(|number| Checked { text: number.to_string(), tokens: quote!(#number) })
            .ok_or("expected a whole number from 0 to 4294967295; write `10`"),
        Kind::OptionalCount => number(value)
            .and_then(|number| usize::try_from(number).ok())
            .map(|number| Checked {
                text: number.to_string(),
                tokens: quote!(::core::option::Option::Some(#number)),
            })
            .ok_or("expected a whole number; write `0` for none or `100`"),
        Kind::Duration => duration(value)
            .map(|(text, duration)| Checked { text, tokens: duration_tokens(duration) })
            .ok_or("expected a duration longer than zero; write `\"30s\"`, `\"500ms\"` or `\"1m 30s\"`"),
        Kind::OptionalDuration => optional_duration(value).ok_or(
            "expected a duration longer than zero; write `\"30s\"`, `\"500ms\"`, or `\"off\"` for none",
        ),
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

fn boolean(value: &Expr) -> Option<Checked> {
    match literal(value)? {
        Lit::Bool(literal) => Some(Checked {
            text: literal.value.to_string(),
            tokens: literal.to_token_stream(),
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

fn duration(value: &Expr) -> Option<(String, Duration)> {
    let text = match literal(value)? {
        Lit::Str(literal) => literal.value(),
        Lit::Int(literal) => literal.base10_digits().to_owned(),
        Lit::Float(literal) => literal.base10_digits().to_owned(),
        _ => return None,
    };
    let duration = parse_duration(&text).filter(|duration| !duration.is_zero())?;
    Some((text, duration))
}

fn optional_duration(value: &Expr) -> Option<Checked> {
    if let Some(Lit::Str(literal)) = literal(value)
        && matches!(literal.value().as_str(), "off" | "none")
    {
        let tokens = quote!(::core::option::Option::None);
        return Some(Checked {
            text: literal.value(),
            tokens,
        });
    }
    let (text, duration) = duration(value)?;
    let tokens = duration_tokens(duration);
    Some(Checked {
        text,
        tokens: quote!(::core::option::Option::Some(#tokens)),
    })
}

fn duration_tokens(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}
