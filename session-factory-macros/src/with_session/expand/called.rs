//! What of the runtime the expansion calls, and from where.

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

/// What is asked of the return type, at that type and once.
pub(super) fn contract(model: &Model<'_>) -> TokenStream {
    let at_output = Span::mixed_site().located_at(model.output.span());
    let private = respanned(private(model), at_output);
    quote_spanned!(at_output=> #private::contract())
}

/// What is asked of the session's type, or of the factory that the attribute names: there and once.
pub(super) fn parameter(model: &Model<'_>) -> TokenStream {
    let (name, of) = match model.factory {
        Some(factory) => ("named", factory),
        None => ("parameter", model.session),
    };
    call_at(model, of, name, true, TokenStream::new())
}

/// A call of the runtime that stands exactly where the type does, from its first to its last token. What the compiler
/// asks of the type, of the call and of the signature that the user wrote it then says of the same place, and what is
/// the same it says once.
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
        // A name is seen from where it was written; `::` is seen from everywhere.
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

/// Whether `f` can call `f_in`. It cannot when there is none, nor when the return type hides another
/// type: that would be taken to borrow from the session, as every `impl Trait` of an `async fn` is.
pub(super) fn calls(model: &Model<'_>) -> bool {
    model.joined.is_some() && !has_impl_trait(model.output)
}
