//! All errors of one item, in the source's order, and the nearest name to a misspelt one.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};

/// The errors of one item so far. They are reported together, and the item is emitted beside them,
/// so that one mistake does not make its callers fail as well.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Notes an error on these tokens: "the problem; what to write".
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl AsRef<str>) {
        self.push(syn::Error::new_spanned(tokens, message.as_ref()));
    }

    /// Notes an error at this place.
    pub(crate) fn at(&mut self, span: Span, message: impl AsRef<str>) {
        self.push(syn::Error::new(span, message.as_ref()));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each error as tokens, in the source's order: parsing, checking and comparing find them in another one.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = TokenStream> {
        let mut errors: Vec<_> = self.0.iter().collect();
        errors.sort_by_key(|error| position(error.span()));
        errors.into_iter().map(syn::Error::to_compile_error)
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.in_order());
    }
}

/// Line and column, where there is a source: unit tests and the fuzzer have none.
fn position(span: Span) -> Option<(usize, usize)> {
    let start = proc_macro::is_available().then(|| span.unwrap().start())?;
    Some((start.line(), start.column()))
}

/// Parses all of the tokens. What is missing at their end is reported where it is missing: on the last one,
/// and not on the whole macro, as the end itself has no place.
pub(crate) fn parse_all<T>(
    tokens: TokenStream,
    parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    let last = tokens.clone().into_iter().last();
    let parser = |input: ParseStream<'_>| {
        parser(input).map_err(|error| match &last {
            Some(last) if input.is_empty() => {
                let text = error.to_string();
                let text = text
                    .strip_prefix("unexpected end of input, ")
                    .unwrap_or(&text);
                syn::Error::new(last.span(), format!("after this: {text}"))
            }
            _ => error,
        })
    };
    parser.parse2(tokens)
}

/// The same tokens at another place: the compiler blames a path on where its first token is.
pub(crate) fn respanned(tokens: impl ToTokens, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_token_stream().into_iter().map(respan).collect()
}

/// ` (did you mean …?)`, or nothing when no candidate is near.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(name, candidates)
        .map(|candidate| format!(" (did you mean `{candidate}`?)"))
        .unwrap_or_default()
}

/// Case and underscores are what people get wrong most, so they do not count.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "")
}

/// Whether one is the other, but for case and underscores.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// The candidate that was probably meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = plain(name);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&name, &plain(candidate)),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Tokens as somebody would have written them.
pub(crate) fn pretty(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" :", ":"),
        ("< ", "<"),
        (" <", "<"),
        ("( )", "()"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = ["pool_size", "pool_timeout", "echo", "isolation"];
        assert_eq!(nearest("poolsize", names), Some("pool_size"));
        assert_eq!(nearest("Isolaton", names), Some("isolation"));
        assert_eq!(nearest("ecko", names), Some("echo"));
        assert_eq!(nearest("colour", names), None);
    }
}
