//! Reads tokens without consuming them, and formats them the way that people write them.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::Token;
use syn::parse::ParseStream;

/// The next token. Consumes nothing.
pub(super) fn next(input: ParseStream<'_>) -> Option<TokenTree> {
    input.fork().parse().ok()
}

/// The span of the next token, or `end` if none is left.
pub(super) fn here(input: ParseStream<'_>, end: Span) -> Span {
    next(input).map_or(end, |token| token.span())
}

/// Consumes the rest of the input.
pub(super) fn skip(input: ParseStream<'_>) {
    while input.parse::<TokenTree>().is_ok() {}
}

/// The tokens as text, spaced the way that people write them.
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

/// True at the end of a line.
pub(super) fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,]) || input.peek(Token![;])
}

/// The tokens up to the line's end without the first `skipped` ones. Consumes nothing.
pub(super) fn rest_of_value(skipped: usize, input: ParseStream<'_>) -> String {
    let fork = input.fork();
    for _ in 0..skipped {
        let _ = fork.parse::<TokenTree>();
    }
    let mut tokens = TokenStream::new();
    while !ends(&fork) {
        match fork.parse::<TokenTree>() {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    words(&tokens)
}
