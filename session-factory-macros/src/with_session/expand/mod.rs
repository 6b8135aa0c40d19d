//! Expands the two functions. The generated code only names the function, its session and its
//! arguments, and calls the runtime crate, which contains all behaviour.

mod after_errors;
mod arguments;
mod called;
mod opening;
mod options;
mod savepoint;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Signature, parse_quote};

pub(super) use self::after_errors::after_errors;
use super::input::Function;
use super::model::Model;
use super::{attrs, docs, session_use};

/// Expands `f_in` and `f`.
pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let joining = joining(model);
    let opening = opening::opening(model);
    quote!(#joining #opening)
}

/// `f_in`: the user's function under its other name.
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
    // The macro warns about an unused session itself, and better, so the compiler's warning is silenced.
    let mut sig = sig;
    if session_use::warning(model.function).is_some()
        && let FnArg::Typed(session) = &mut sig.inputs[model.session_at]
    {
        session.attrs.push(parse_quote!(#[allow(unused_variables)]));
    }
    Some(quote!(#docs #allowed #attrs #vis #sig #body))
}
