//! The two functions. Nothing behaves here: the code names the function, its session and its
//! arguments, and calls the runtime.

mod after_errors;
mod arguments;
mod opening;
mod options;
mod savepoint;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Signature, Type};

pub(super) use self::after_errors::after_errors;
use super::input::Function;
use super::model::Model;
use super::types::has_impl_trait;
use super::{attrs, docs};
use crate::diagnostics::respanned;

/// `f_in` and `f`.
pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let joining = joining(model);
    let opening = opening::opening(model);
    quote!(#joining #opening)
}

/// `f_in`: the function as it was written, under its other name.
fn joining(model: &Model<'_>) -> Option<TokenStream> {
    let name = model.joined.as_ref()?;
    let Function {
        attrs,
        vis,
        sig,
        body,
    } = model.function;
    let allowed = docs::allowed(attrs);
    let docs = docs::of_joining(model);
    let attrs = attrs::of_joining(attrs);
    let sig = Signature {
        ident: name.clone(),
        ..sig.clone()
    };
    if model.args.savepoint.is_some() {
        let (sig, body) = savepoint::wrapped(model, sig);
        let inner = model.function.inner_attrs();
        return Some(quote!(#docs #allowed #attrs #inner #vis #sig { #body }));
    }
    Some(quote!(#docs #allowed #attrs #vis #sig #body))
}

/// `::session_factory::__private`
fn private(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    quote!(#krate::__private)
}

/// What is asked of the return type, at that type and once.
fn contract(model: &Model<'_>) -> TokenStream {
    let at_output = Span::mixed_site().located_at(model.output.span());
    let private = respanned(private(model), at_output);
    quote_spanned!(at_output=> #private::contract())
}

/// What is asked of the session's type, or of the factory that the attribute names: there and once.
fn parameter(model: &Model<'_>) -> TokenStream {
    let (name, of) = match model.factory {
        Some(factory) => ("named", factory),
        None => ("parameter", model.session),
    };
    call_at(model, of, name, true, TokenStream::new())
}

/// A call of the runtime that stands exactly where the type does, from its first to its last token. What the compiler
/// asks of the type, of the call and of the signature that the user wrote it then says of the same place, and what is
/// the same it says once.
fn call_at(
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
fn calls(model: &Model<'_>) -> bool {
    model.joined.is_some() && !has_impl_trait(model.output)
}
