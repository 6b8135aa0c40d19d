//! Parses a duration as an option's value: `"5s"`.

use std::time::Duration;

use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{LitFloat, LitInt, LitStr, Token};

use crate::duration;

/// A duration that is greater than zero and fits the runtime's clock.
#[derive(Clone, Copy)]
pub(in crate::with_session) struct Limit(pub(in crate::with_session) Duration);

/// True if a constant's name comes instead of a literal: `LIMIT`, `Self::LIMIT`.
pub(super) fn is_constant(input: ParseStream<'_>) -> bool {
    let input = input.fork();
    let path = input.call(syn::Path::parse_mod_style);
    let is_screaming = |name: &syn::Ident| {
        let name = name.to_string();
        name.len() > 1 && !name.contains(char::is_lowercase)
    };
    let last = path
        .ok()
        .and_then(|path| path.segments.last().map(|last| last.ident.clone()));
    last.is_some_and(|last| is_screaming(&last)) && (input.is_empty() || input.peek(Token![,]))
}

/// Parses the duration that is the value of the option `name`.
pub(super) fn read(name: &str, input: ParseStream<'_>) -> syn::Result<Limit> {
    if input.peek(LitInt) || input.peek(LitFloat) {
        let literal: syn::Lit = input.parse()?;
        if !literal.suffix().is_empty() {
            let message = format!(
                "a duration is written in quotes; write `{name} = \"{}\"`",
                literal.to_token_stream()
            );
            return Err(syn::Error::new(literal.span(), message));
        }
        let number = match &literal {
            syn::Lit::Int(number) => number.base10_digits().to_owned(),
            syn::Lit::Float(number) => number.base10_digits().to_owned(),
            _ => String::new(),
        };
        let message = format!(
            "a duration needs its unit, in quotes; write `{name} = \"{number}s\"` or \
             `{name} = \"{number}ms\"`"
        );
        return Err(syn::Error::new(literal.span(), message));
    }
    if is_constant(input) {
        let message = format!("no constant stands here; write its value, as in `{name} = \"5s\"`");
        return Err(input.error(message));
    }
    let write = format!("write `{name} = \"5s\"`, `\"500ms\"` or `\"1m 30s\"`");
    let literal: LitStr = input.parse().map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("a duration is written in quotes; {write}"),
        )
    })?;
    let text = literal.value();
    let refuse = |problem: String| syn::Error::new(literal.span(), format!("{problem}; {write}"));
    match duration::parse(&text) {
        None => Err(match duration::meant(&text) {
            Some(meant) => syn::Error::new(
                literal.span(),
                format!("\"{text}\" is not a duration; write `{name} = \"{meant}\"`"),
            ),
            None => refuse(format!("\"{text}\" is not a duration")),
        }),
        Some(limit) if limit.is_zero() => Err(refuse(format!("`{name}` must be longer than zero"))),
        // The runtime stores nanoseconds in 64 bits.
        Some(limit) if u64::try_from(limit.as_nanos()).is_err() => {
            Err(refuse(format!("\"{text}\" is longer than 500 years")))
        }
        Some(limit) => Ok(Limit(limit)),
    }
}
