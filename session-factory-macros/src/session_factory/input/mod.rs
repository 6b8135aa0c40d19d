//! Parses the macro's input; validation comes later.

mod attribute;
mod header;
mod setting;
mod syntax;
mod tokens;
mod value;

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};

pub(super) use self::syntax::{Backend, Factory, Setting};
pub(super) use self::tokens::words;
pub(super) use self::value::{Value, Variable};
use crate::diagnostics::Errors;

/// Parses all factories of one invocation. Reports what is unreadable, and keeps every factory
/// whose name is readable.
pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Factory> {
    let mut factories = Vec::new();
    let parser = |input: ParseStream<'_>| {
        if input.is_empty() {
            let message = format!(
                "there is no factory here; {}",
                header::form("AppDb", "Postgres")
            );
            errors.at(Span::call_site(), message);
        }
        while !input.is_empty() {
            factories.extend(header::factory(input, errors));
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
    factories
}
