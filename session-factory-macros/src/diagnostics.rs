//! Collects an item's errors in source order, and finds the name nearest to a misspelt one.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};

/// The errors found in one item. The macro reports them together and still emits the item, so that
/// one mistake in the item does not cause further errors in its callers.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Adds an error at these tokens. The message has the form "the problem; what to write".
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl AsRef<str>) {
        self.push(syn::Error::new_spanned(tokens, message.as_ref()));
    }

    /// Adds an error at this place.
    pub(crate) fn at(&mut self, span: Span, message: impl AsRef<str>) {
        self.push(syn::Error::new(span, message.as_ref()));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each error as tokens, sorted by place in the source. Parsing, validation and the
    /// cross checks run one after another, so the macro finds errors in a different order.
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

/// The line and column of a span, or `None` outside a compiler (unit tests, the fuzzer).
fn position(span: Span) -> Option<(usize, usize)> {
    let start = proc_macro::is_available().then(|| span.unwrap().start())?;
    Some((start.line(), start.column()))
}

/// Parses all of the tokens. If the input ends too early, the error points at the last token: the
/// end of the input has no span of its own, so an error there would cover the whole macro.
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

/// Moves the tokens to another span. The compiler reports an error in a path at the path's first
/// token, so a generated path needs the span of the user's code that may cause the error.
pub(crate) fn respanned(tokens: impl ToTokens, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_token_stream().into_iter().map(respan).collect()
}

/// Returns ` (did you mean …?)`, or an empty string if no candidate is near.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    nearest(name, candidates)
        .map(|candidate| format!(" (did you mean `{candidate}`?)"))
        .unwrap_or_default()
}

/// Removes differences of case and underscores, the most frequent spelling mistakes.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "")
}

/// True if the names are equal apart from case and underscores.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// The candidate nearest to `name`, if one is near enough to be meant.
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

/// The tokens as source text, spaced the way that people write them.
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
