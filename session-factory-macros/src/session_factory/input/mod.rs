//! What is written in the macro, before anybody asks whether it makes sense.

mod header;
mod setting;
mod value;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, Path, Type, Visibility};

pub(super) use self::value::{Value, Variable};
use super::range::Range;
use crate::diagnostics::Errors;

/// One factory as it is written.
pub(super) struct Factory {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    /// `Postgres` in `AppDb(Postgres)`; `None` after noting that it cannot be read.
    pub(super) backend: Option<Backend>,
    pub(super) settings: Vec<Setting>,
}

/// The database that a factory is for.
pub(super) enum Backend {
    Written(Path),
    /// `build_env("KEY", …)`.
    BuildEnv(Box<Variable>),
}

/// One line of the block.
pub(super) struct Setting {
    pub(super) attrs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) ty: Option<Type>,
    pub(super) range: Option<Range>,
    pub(super) value: Value,
}

/// All factories of one invocation. What cannot be read is noted; a factory whose name can be read is kept.
pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Factory> {
    let mut factories = Vec::new();
    let parser = |input: ParseStream<'_>| {
        if input.is_empty() {
            let message = format!("there is no factory here; {}", header::form("AppDb"));
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

/// The next token, without taking it.
fn next(input: ParseStream<'_>) -> Option<TokenTree> {
    input.fork().parse().ok()
}

/// Where the next token is, or, at the end, this.
fn here(input: ParseStream<'_>, end: Span) -> Span {
    next(input).map_or(end, |token| token.span())
}

/// Takes what is left.
fn skip(input: ParseStream<'_>) {
    while input.parse::<TokenTree>().is_ok() {}
}

/// Tokens as people write them.
pub(super) fn words(tokens: &TokenStream) -> String {
    let mut text = tokens.to_string();
    for (from, to) in [
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        (" . ", "."),
        (" :: ", "::"),
        (":: ", "::"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" !", "!"),
        ("- ", "-"),
    ] {
        text = text.replace(from, to);
    }
    text
}
