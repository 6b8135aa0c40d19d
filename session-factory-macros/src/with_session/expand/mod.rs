//! The two functions. Nothing behaves here: the code names the function, its session and its
//! arguments, and calls the runtime.

mod after_errors;
mod arguments;
mod opening;
mod options;
mod savepoint;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Signature;
use syn::spanned::Spanned;

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

/// Whether `f` can call `f_in`. It cannot when there is none, nor when the return type hides another
/// type: that would be taken to borrow from the session, as every `impl Trait` of an `async fn` is.
fn calls(model: &Model<'_>) -> bool {
    model.joined.is_some() && !has_impl_trait(model.output)
}
