//! The runtime's functions that the expansion calls, and the spans of those calls.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::diagnostics::respanned;
use crate::with_session::model::Model;
use crate::with_session::types::has_impl_trait;

/// `::session_factory::__private`
pub(super) fn private(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    quote!(#krate::__private)
}

/// Checks the return type once, with errors at that type.
pub(super) fn contract(model: &Model<'_>) -> TokenStream {
    let at_output = Span::mixed_site().located_at(model.output.span());
    let private = respanned(private(model), at_output);
    quote_spanned!(at_output=> #private::contract())
}

/// Checks the session's type once, or that of the factory that the attribute names. Errors point at
/// the checked type.
pub(super) fn parameter(model: &Model<'_>) -> TokenStream {
    let (name, of) = match model.factory {
        Some(factory) => ("named", factory),
        None => ("parameter", model.session),
    };
    call_at(model, of, name, true, TokenStream::new())
}

/// Calls the runtime with the exact span of the type, from its first to its last token. The
/// compiler then reports its errors about the type, the call and the user's signature at one place,
/// and merges those that are equal.
pub(super) fn call_at(
    model: &Model<'_>,
    ty: &Type,
    name: &str,
    names_type: bool,
    arguments: TokenStream,
) -> TokenStream {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::mixed_site);
    let last = spans.last().unwrap_or(first);
    let private = private(model).into_iter().map(|mut token| {
        // A name keeps the hygiene of the place where it was written; `::` has no name to resolve.
        let is_name = matches!(token, TokenTree::Ident(_));
        token.set_span(if is_name {
            token.span().located_at(first)
        } else {
            first
        });
        token
    });
    let private: TokenStream = private.collect();
    let name = Ident::new(name, last);
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(last);
    let colons = quote_spanned!(first=> ::);
    let generics = names_type.then(|| quote_spanned!(last=> ::<#ty, _>));
    quote!(#private #colons #name #generics #arguments)
}

/// True if `f` can call `f_in`. It cannot if there is no `f_in`, or if the return type has an `impl
/// Trait`: the `impl Trait` that an `async fn` returns would count as a borrow from the session.
pub(super) fn calls(model: &Model<'_>) -> bool {
    model.joined.is_some() && !has_impl_trait(model.output)
}
