//! `replica = "caught_up"`

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Ident, LitBool, LitStr};

use crate::diagnostics::did_you_mean;

/// The replica policy, and its place.
pub(in crate::with_session) struct Replica {
    /// The policy's name in the runtime.
    pub(in crate::with_session) policy: &'static str,
    pub(in crate::with_session) span: Span,
}

impl Replica {
    pub(in crate::with_session) fn is_never(&self) -> bool {
        self.policy == "Never"
    }
}

/// Each policy as the user writes it, and as the runtime names it.
const POLICIES: [(&str, &str); 3] = [
    ("any", "Any"),
    ("caught_up", "CaughtUp"),
    ("never", "Never"),
];
const LIST: &str = "`\"any\"`, `\"caught_up\"` or `\"never\"`";

pub(super) fn read(input: ParseStream<'_>) -> syn::Result<Replica> {
    // `parse` consumes even a literal of the wrong kind, so the error's advice reads it from this fork.
    let ahead = input.fork();
    let literal = match input.parse::<LitStr>() {
        Ok(literal) => literal,
        Err(error) => {
            // `replica = any`: the name is right, and only the quotes are missing.
            let name = ahead.fork().parse::<Ident>().map(|name| name.to_string());
            let message = match name.ok().filter(|name| find(name).is_some()) {
                Some(name) => {
                    format!("a policy is written in quotes; write `replica = \"{name}\"`")
                }
                None if matches!(ahead.fork().parse(), Ok(LitBool { value: false, .. })) => {
                    "a function without `read_only` uses the primary; remove `replica`, or beside `read_only` write \
                     `replica = \"never\"`"
                        .to_owned()
                }
                None if ahead.peek(LitBool) => {
                    "a `read_only` function uses the replica when there is one; write `read_only`, and remove `replica`"
                        .to_owned()
                }
                None => format!("a policy is written in quotes; write {LIST}"),
            };
            return Err(syn::Error::new(error.span(), message));
        }
    };
    let text = literal.value();
    if let Some((_, policy)) = find(&text) {
        return Ok(Replica {
            policy,
            span: literal.span(),
        });
    }
    let guess = did_you_mean(
        &text.replace([' ', '-'], "_"),
        POLICIES.iter().map(|(policy, _)| *policy),
    );
    let message = format!("there is no policy \"{text}\" for the replica{guess}; write {LIST}");
    Err(syn::Error::new(literal.span(), message))
}

fn find(text: &str) -> Option<(&'static str, &'static str)> {
    POLICIES.into_iter().find(|(policy, _)| *policy == text)
}
