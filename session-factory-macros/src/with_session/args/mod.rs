//! Parses the attribute's arguments.
//!
//! Each option is one row of [`OPTIONS`], which says how to read it, and one of [`forms`], which
//! says how to write it.

mod commit_on;
mod duration;
mod factory;
mod flag;
mod foreign;
mod forms;
mod isolation;
mod joined;
mod options;
mod replica;
mod retry;
mod value;
mod wrapped;

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Path, Token, token};

pub(super) use self::duration::Limit;
pub(super) use self::isolation::Isolation;
pub(super) use self::joined::Joined;
pub(super) use self::options::Args;
use self::options::{OPTIONS, row};
use self::value::{Value, skip_to_comma};
pub(super) use self::wrapped::itself;
use crate::diagnostics::{Errors, same_name};
use crate::runtime_crate::runtime_crate;

impl Args {
    /// Parses the arguments. Errors go to `errors`.
    pub(super) fn parse(tokens: TokenStream, item: &TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            let mut seen = Vec::new();
            while !input.is_empty() {
                if let Err(error) = args.argument(input, item, &mut seen) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    let message = if input.peek(Token![;]) {
                        "write a comma instead of this"
                    } else {
                        "write a comma in front of this"
                    };
                    errors.push(input.error(message));
                    skip_to_comma(input)?;
                    input.parse::<Option<Token![,]>>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        args
    }

    /// The path of the runtime crate.
    pub(super) fn krate(&self) -> Path {
        runtime_crate(self.krate.as_ref())
    }

    fn argument(
        &mut self,
        input: ParseStream<'_>,
        item: &TokenStream,
        seen: &mut Vec<String>,
    ) -> syn::Result<()> {
        if input.peek(Token![!]) {
            let message = "an option is off unless it is written; remove this";
            return Err(input.error(message));
        }
        if input.peek(Token![#]) {
            let message = "an option has no attribute; for one that a `cfg` decides write the whole attribute twice: \
                           `#[cfg_attr(test, with_session(read_only))]` and `#[cfg_attr(not(test), with_session)]`";
            return Err(input.error(message));
        }
        match option_name(item, input)? {
            Some(name) => {
                let first = !seen.contains(&name.to_string());
                seen.push(name.to_string());
                if !first {
                    let message = format!("`{name}` is written twice; write it once");
                    return Err(syn::Error::new(name.span(), message));
                }
                self.option(&name, item, input)
            }
            None => factory::read(input, item, &mut self.factory),
        }
    }

    fn option(
        &mut self,
        name: &Ident,
        item: &TokenStream,
        input: ParseStream<'_>,
    ) -> syn::Result<()> {
        if let Some(row) = row(&name.to_string()) {
            return (row.read)(self, name, input)
                .map_err(|error| foreign::with_output(error, item));
        }
        let value = Value::ahead(input);
        if let Some(factory) = foreign::factory(&name.to_string(), &value) {
            self.factory.get_or_insert(factory);
        }
        let advice = foreign::answer(&name.to_string(), &value, item);
        let message = format!("there is no option `{name}`; {advice}");
        Err(syn::Error::new(name.span(), message))
    }
}

/// The name of the option that comes next; `None` if a type comes next.
fn option_name(item: &TokenStream, input: ParseStream<'_>) -> syn::Result<Option<Ident>> {
    let ahead = input.fork();
    let Ok(name) = ahead.call(Ident::parse_any) else {
        return Ok(None);
    };
    if ahead.peek(Token![::]) || ahead.peek(Token![.]) || name == "dyn" || name == "impl" {
        return Ok(None);
    }
    if ahead.peek(Token![-]) {
        return Err(with_dashes(&name, item, input));
    }
    let text = name.to_string();
    // A type's name begins with a capital letter, so a name in lower case is an option's.
    let lower = text.starts_with(|first: char| first.is_lowercase() || first == '_');
    let has_value = ahead.peek(Token![=])
        || ahead.peek(Token![:])
        || ahead.peek(token::Paren) && (lower || foreign::is_a_word_of_others(&text));
    let alone = ahead.is_empty() || ahead.peek(Token![,]);
    let misspelt = || OPTIONS.iter().any(|option| same_name(option.name, &text));
    let is_option = has_value
        || row(&text).is_some()
        || (alone && (lower || misspelt() || foreign::is_a_word_of_others(&text)));
    is_option.then(|| input.call(Ident::parse_any)).transpose()
}

/// The error for an option with dashes: `read-only`.
fn with_dashes(first: &Ident, item: &TokenStream, input: ParseStream<'_>) -> syn::Error {
    let mut text = String::new();
    let ahead = input.fork();
    while let Ok(word) = ahead.call(Ident::parse_any) {
        text = format!("{text}{word}_");
        let _dash = ahead.parse::<Option<Token![-]>>();
    }
    let text = text.trim_end_matches('_');
    let advice = foreign::answer(text, &Value::ahead(&ahead), item);
    let name = text.replace('_', "-");
    let message = format!("there is no option `{name}`; {advice}");
    syn::Error::new(first.span(), message)
}
