//! Reading tokens without taking them, and writing them as people do.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::ParseStream;

/// The next token, without taking it.
pub(super) fn next(input: ParseStream<'_>) -> Option<TokenTree> {
    input.fork().parse().ok()
}

/// Where the next token is, or, at the end, this.
pub(super) fn here(input: ParseStream<'_>, end: Span) -> Span {
    next(input).map_or(end, |token| token.span())
}

/// Takes what is left.
pub(super) fn skip(input: ParseStream<'_>) {
    while input.parse::<TokenTree>().is_ok() {}
}

/// Tokens as people write them.
pub(in crate::session_factory) fn words(tokens: &TokenStream) -> String {
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
