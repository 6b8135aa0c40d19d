//! What is left of a function that has errors.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{FnArg, ReturnType, Signature, Type};

use crate::with_session::args::Args;
use crate::with_session::attrs;
use crate::with_session::input::{Body, Function};
use crate::with_session::place::Place;
use crate::with_session::types::{
    behind_references, has_impl_trait, is_connection, is_session, with_static_lifetimes,
};

/// Both functions with as much of their signatures as could be understood, so that their callers, and
/// the editor, still find them.
pub(in crate::with_session) fn after_errors(
    args: &Args,
    function: &Function,
    place: Place,
) -> TokenStream {
    if place == Place::TraitImpl && function.sig.asyncness.is_none() {
        return quote!(#function);
    }
    let own_name = &function.sig.ident;
    let name = args
        .joined
        .name(own_name)
        .filter(|_| place != Place::TraitImpl);
    let joined = name.map(|name| {
        let mut joining = function.clone();
        joining.attrs.retain(|attr| !attrs::is_own(attr));
        joining.sig.ident = if name == *own_name {
            format_ident!("{own_name}_in")
        } else {
            name
        };
        joining
    });
    let hides_a_type =
        matches!(&function.sig.output, ReturnType::Type(_, output) if has_impl_trait(output));
    if hides_a_type || matches!(function.body, Body::Required(_)) {
        return quote!(#joined);
    }
    let sig = &function.sig;
    let mut inputs = sig.inputs.clone();
    let is_session = |ty: &Type| {
        let ty = behind_references(ty);
        is_session(ty) || is_connection(ty)
    };
    let session = inputs
        .iter()
        .position(|input| matches!(input, FnArg::Typed(parameter) if is_session(&parameter.ty)));
    if let Some(session) = session {
        inputs = inputs
            .into_iter()
            .enumerate()
            .filter_map(|(at, input)| (at != session).then_some(input))
            .collect();
    }
    let mut sig = Signature {
        inputs,
        ..sig.clone()
    };
    if let (Some(_), ReturnType::Type(_, output)) = (session, &mut sig.output) {
        **output = with_static_lifetimes(output);
    }
    let attrs = attrs::of_opening(&function.attrs);
    let vis = &function.vis;
    quote! {
        #joined
        #attrs
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig { ::core::panic!("this function has errors") }
    }
}
