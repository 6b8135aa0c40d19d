//! `joined = "name"`, `joined = false`

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, LitBool, LitStr};

/// The value of `joined`.
#[derive(Default)]
pub(in crate::with_session) enum Joined {
    /// The option is not written: `f_in` has its default name.
    #[default]
    Default,
    /// `f_in` has this name.
    Named(Ident),
    /// There is no `f_in`.
    Absent,
}

/// The reason why `joined` needs a value.
pub(super) const IS_ON: &str = "`joined` is on unless it is `false`";

const WRITE: &str = "write `joined = \"name\"` for another name, or `joined = false` for none";

pub(super) fn read(input: ParseStream<'_>) -> syn::Result<Joined> {
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        return literal
            .parse_with(<Ident as syn::parse::Parse>::parse)
            .map(Joined::Named)
            .map_err(|_| {
                let message = format!("this is not the name of a function; {WRITE}");
                syn::Error::new(literal.span(), message)
            });
    }
    match input.parse::<LitBool>() {
        Ok(LitBool { value: false, .. }) => Ok(Joined::Absent),
        Ok(literal) => {
            let message = format!("{IS_ON}; remove `joined = true`");
            Err(syn::Error::new(literal.span(), message))
        }
        Err(error) => {
            let name = input.fork().call(Ident::parse_any);
            let message = match name.map(|name| name.to_string()).as_deref() {
                Ok("none" | "None" | "no" | "off") => {
                    "there is no such name; write `joined = false`".to_owned()
                }
                Ok(name) => {
                    format!("a name is written in quotes; write `joined = \"{name}\"`")
                }
                Err(_) => format!("a name is written in quotes; {WRITE}"),
            };
            Err(syn::Error::new(error.span(), message))
        }
    }
}

impl Joined {
    /// The name of `f_in`, if there is one.
    pub(in crate::with_session) fn name(&self, function: &Ident) -> Option<Ident> {
        match self {
            Joined::Default => Some(quote::format_ident!("{}_in", function.unraw())),
            // The user wrote the name in a string. With the hygiene of the function's name, callers
            // can use it like an identifier that the user wrote in the code.
            Joined::Named(name) => {
                let mut name = name.clone();
                name.set_span(name.span().resolved_at(function.span()));
                Some(name)
            }
            Joined::Absent => None,
        }
    }
}
