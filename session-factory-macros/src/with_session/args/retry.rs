//! `retry = 5`, `retry(max = 5, base = "10ms", cap = "1s")`

use std::time::Duration;

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, LitBool, LitInt, LitStr, Token, parenthesized};

use super::duration::{self, Limit};
use super::value::{Value, skip_to_comma};
use crate::diagnostics::{nearest, same_name};
use crate::with_session::types::mentions;

/// How many times a call runs again, and with which pauses.
pub(in crate::with_session) struct Retry {
    /// The number of attempts after the first.
    pub(in crate::with_session) max: u32,
    /// The upper limit of the first pause.
    pub(in crate::with_session) base: Limit,
    /// The upper limit of every pause.
    pub(in crate::with_session) cap: Limit,
    pub(in crate::with_session) span: Span,
}

/// The defaults, which apply to `retry = 5`.
const BASE: Limit = Limit(Duration::from_millis(10));
const CAP: Limit = Limit(Duration::from_secs(1));
const FORM: &str = "write `retry = 5` or `retry(max = 5, base = \"10ms\", cap = \"1s\")`";

/// Parses `retry = 5`.
pub(super) fn alone(name: &Ident, input: ParseStream<'_>) -> syn::Result<Retry> {
    Ok(Retry {
        max: max(input)?,
        base: BASE,
        cap: CAP,
        span: name.span(),
    })
}

/// Parses `(max = 5, base = "10ms", cap = "1s")`.
pub(super) fn in_parentheses(name: &Ident, input: ParseStream<'_>) -> syn::Result<Retry> {
    let content;
    parenthesized!(content in input);
    parts(name, &content).inspect_err(|_| {
        // One error is enough: the unread rest is skipped.
        while content.parse::<TokenTree>().is_ok() {}
    })
}

/// Parses the parts in the parentheses, in any order.
fn parts(name: &Ident, input: ParseStream<'_>) -> syn::Result<Retry> {
    let (mut max_part, mut base, mut cap) = (None, None, None);
    let mut cap_at = None;
    let mut errors: Option<syn::Error> = None;
    let names_max = mentions(input.fork().parse()?, "max");
    if let Some((first, right)) = meant(input) {
        let message = format!("`retry` has no part `{first}`; {right}");
        return Err(syn::Error::new(first.span(), message));
    }
    while !input.is_empty() {
        let part = |max_part: &mut Option<u32>,
                    base: &mut Option<Limit>,
                    cap: &mut Option<Limit>,
                    cap_at: &mut Option<Span>| {
            let key = key(names_max, input)?;
            let twice = || {
                let message = format!("`{key}` is written twice; write it once");
                syn::Error::new(key.span(), message)
            };
            let at = input.span();
            match key.to_string().as_str() {
                "max" if max_part.is_some() => Err(twice()),
                "max" => max(input).map(|max| *max_part = Some(max)),
                "base" if base.is_some() => Err(twice()),
                "base" => duration::read("base", input).map(|limit| *base = Some(limit)),
                _ if cap.is_some() => Err(twice()),
                _ => duration::read("cap", input).map(|limit| {
                    *cap = Some(limit);
                    *cap_at = Some(at);
                }),
            }
        };
        if let Err(error) = part(&mut max_part, &mut base, &mut cap, &mut cap_at) {
            match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            }
            skip_to_comma(input)?;
        }
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            return Err(input.error("write a comma in front of this"));
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let max = max_part.ok_or_else(|| {
        let message = format!("`retry` needs to know how often at most; {FORM}");
        syn::Error::new(name.span(), message)
    })?;
    let (base, cap) = (base.unwrap_or(BASE), cap.unwrap_or_else(|| longer(base)));
    if cap.0 < base.0 {
        let message = format!(
            "`cap` limits all pauses, and this is shorter than the first one, `base` ({:?}); \
             write a longer `cap`, or a shorter `base`",
            base.0
        );
        return Err(syn::Error::new(cap_at.unwrap_or(name.span()), message));
    }
    Ok(Retry {
        max,
        base,
        cap,
        span: name.span(),
    })
}

/// The default cap for this base: one second, or the base if the base is longer.
fn longer(base: Option<Limit>) -> Limit {
    base.filter(|base| base.0 > CAP.0).unwrap_or(CAP)
}

/// Parses the name of a part, and the `=` after it.
fn key(names_max: bool, input: ParseStream<'_>) -> syn::Result<Ident> {
    if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let message = format!(
            "this number needs a name; write `retry = {number}` or `retry(max = {number})`"
        );
        return Err(syn::Error::new(number.span(), message));
    }
    let key = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("`retry` takes `max`, `base` and `cap`; {FORM}"),
        )
    })?;
    let text = key.to_string();
    let value = Value::ahead(input);
    if !["max", "base", "cap"].contains(&text.as_str()) {
        let advice = part_of_others(&text, &value, names_max);
        let message = format!("`retry` has no part `{key}`; {advice}");
        skip_to_comma(input)?;
        return Err(syn::Error::new(key.span(), message));
    }
    if input.peek(Token![:]) {
        let message = format!("a value follows `=`; write `{key} = {}`", value.text());
        return Err(input.error(message));
    }
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        let message = format!("`{key}` needs a value; {FORM}");
        return Err(syn::Error::new(key.span(), message));
    }
    Ok(key)
}

/// Returns the first part with another library's name, and the whole option as the user meant it.
/// `None` if a part has no equivalent here.
fn meant(input: ParseStream<'_>) -> Option<(Ident, String)> {
    let input = input.fork();
    let (mut first, mut counts_all) = (None, false);
    let (mut max, mut base, mut cap) = (None, None, None);
    while !input.is_empty() {
        let key = input.call(Ident::parse_any).ok()?;
        let value = Value::ahead(&input);
        let text = key.to_string();
        let is_attempts = ATTEMPTS.iter().any(|other| same_name(other, &text));
        let part = match text.as_str() {
            "max" | "base" | "cap" => text.as_str(),
            _ => {
                first.get_or_insert(key.clone());
                counts_all |= is_attempts;
                if is_attempts { "max" } else { known(&text)? }
            }
        };
        match part {
            "max" => {
                let number = value.number()?;
                let number = if is_attempts {
                    number.checked_sub(1)?
                } else {
                    number
                };
                max = Some(number).filter(|number| *number > 0);
                max?;
            }
            "base" => base = Some(value).filter(Value::is_text),
            _ => cap = Some(value).filter(Value::is_text),
        }
        (part == "max" || base.is_some() || cap.is_some()).then_some(())?;
        skip_to_comma(&input).ok()?;
        let _ = input.parse::<Option<Token![,]>>();
    }
    let part = |name: &str, value: Option<Value>| {
        value.map_or_else(String::new, |value| format!(", {name} = {}", value.text()))
    };
    let (base, cap) = (part("base", base), part("cap", cap));
    let why = if counts_all {
        "`max` counts the attempts after the first; "
    } else {
        ""
    };
    let right = format!("{why}write `retry(max = {}{base}{cap})`", max.unwrap_or(5));
    Some((first?, right))
}

const ATTEMPTS: [&str; 3] = ["attempts", "max_attempts", "tries"];

/// The part that other libraries call by this name.
fn known(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 3] = [
        (
            "base",
            &[
                "delay",
                "backoff",
                "pause",
                "wait",
                "interval",
                "initial",
                "initial_delay",
                "min",
                "min_delay",
                "start",
                "initial_interval",
            ],
        ),
        (
            "cap",
            &[
                "max_delay",
                "max_backoff",
                "limit",
                "max_wait",
                "max_interval",
                "ceiling",
            ],
        ),
        (
            "max",
            &[
                "retries",
                "times",
                "count",
                "max_retries",
                "n",
                "limit_retries",
            ],
        ),
    ];
    let is_it = |names: &[&str]| names.iter().any(|other| same_name(other, name));
    NAMES
        .iter()
        .find(|(_, names)| is_it(names))
        .map(|(part, _)| *part)
}

/// The advice for another library's part, with the user's value.
fn part_of_others(name: &str, value: &Value, names_max: bool) -> String {
    let part = known(name).or_else(|| nearest(name, ["max", "base", "cap"]));
    match part {
        _ if ATTEMPTS.iter().any(|other| same_name(other, name)) => {
            match value.number() {
                Some(number) if number > 1 => format!(
                    "`max` counts the attempts after the first; write `max = {}`",
                    number - 1
                ),
                _ => "write `max`, which counts the attempts after the first".to_owned(),
            }
        }
        Some("max") if value.number().is_some() => format!("write `max = {}`", value.text()),
        Some(part @ ("base" | "cap")) if value.is_text() => {
            let max = if names_max { "" } else { "max = 5, " };
            format!("write `{max}{part} = {}`", value.text())
        }
        Some(part) => format!("write `{part}`"),
        None if ["jitter", "multiplier", "factor", "exponential"].iter().any(|other| same_name(other, name)) => {
            "each pause is a random part of twice the one before; remove this".to_owned()
        }
        None if name.starts_with("on") || name.contains("for") || name.contains("when") || name.contains("if") => {
            "it runs again after a serialization failure, a deadlock or a busy database, and after no other error; remove this"
                .to_owned()
        }
        None => format!("it has `max`, `base` and `cap`; {FORM}"),
    }
}

fn max(input: ParseStream<'_>) -> syn::Result<u32> {
    if duration::is_constant(input) {
        return Err(input.error("no constant stands here; write its value, as in `retry = 5`"));
    }
    // `parse` consumes even a literal of the wrong kind, so the error's advice reads it from this fork.
    let ahead = input.fork();
    let number: LitInt = input.parse().map_err(|error| {
        let text = ahead.fork().parse::<LitStr>().map(|text| text.value());
        let message = match text.map(|text| text.parse::<u32>()) {
            Ok(Ok(number)) => {
                format!("a number is written without quotes; write `retry = {number}`")
            }
            _ if matches!(ahead.fork().parse(), Ok(LitBool { value: false, .. })) => {
                "`retry` is off unless it is written; remove it".to_owned()
            }
            _ => format!("`retry` takes a whole number, how often to run again at most; {FORM}"),
        };
        syn::Error::new(error.span(), message)
    })?;
    match number.base10_parse::<u32>() {
        Ok(0) => Err(syn::Error::new(
            number.span(),
            "`retry = 0` never runs the function again; remove `retry`",
        )),
        Ok(max) => Ok(max),
        Err(_) => Err(syn::Error::new(
            number.span(),
            format!(
                "`retry` takes a number from 1 to {}; write `retry = 5`",
                u32::MAX
            ),
        )),
    }
}
