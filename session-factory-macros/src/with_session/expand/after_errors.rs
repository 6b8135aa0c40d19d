//! Expands a function in which the macro has reported errors.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, PatType, ReturnType, Signature, Token, Type};

use crate::with_session::args::Args;
use crate::with_session::input::{Body, Function};
use crate::with_session::place::Place;
use crate::with_session::source::Source;
use crate::with_session::types::{
    behind_references, has_impl_trait, is_connection, is_session, mentions, names_a_future,
    with_static_lifetimes,
};
use crate::with_session::{async_trait, attrs, session_param};
use crate::with_session::{given_a_session, joined};

/// Emits both functions with the readable part of their signatures, so that their callers and the
/// editor still find them.
pub(in crate::with_session) fn after_errors(
    args: &Args,
    function: &Function,
    place: Place,
    source: Option<&Source>,
) -> TokenStream {
    let function = &readable(function, source);
    let own_name = &function.sig.ident;
    let name = args.joined.name(own_name);
    let name = name.filter(|name| !joined::is_taken(name, own_name, source));
    if place == Place::TraitImpl || name.is_none() {
        return alone(function, place, source);
    }
    if place == Place::Trait && joined::written_as_annotated(args, function, source).is_some() {
        let mut function = function.clone();
        function.attrs.retain(|attr| !attrs::is_own(attr));
        return quote!(#[allow(async_fn_in_trait)] #function);
    }
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
    let sig = if given_a_session::call(function, place, source).is_some() {
        // An error reports that callers pass a session; the signature keeps the parameter for their calls.
        function.sig.clone()
    } else {
        without_session(function).0
    };
    let attrs = attrs::of_opening(&function.attrs);
    let vis = &function.vis;
    quote! {
        #joined
        #attrs
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig { ::core::panic!("this function has errors") }
    }
}

/// Removes from the function what the macro has reported, so that the compiler does not report it
/// again.
fn readable(function: &Function, source: Option<&Source>) -> Function {
    let mut function = function.clone();
    let returns_future = |output: &ReturnType| matches!(output, ReturnType::Type(_, output) if names_a_future(output.to_token_stream()));
    let sig = &mut function.sig;
    // A missing `async` is already reported. It is added, so that `.await`s in the body and at the callers compile.
    let is_made_synchronous = function.attrs.iter().any(attrs::is_harness)
        || mentions(function.body.to_token_stream(), "block_on")
        || async_trait::output(sig).is_some();
    // The compiler would report `const async fn` as well, twice, so `const` is removed.
    if sig.asyncness.is_some() {
        sig.constness = None;
    }
    if sig.asyncness.is_none() && !returns_future(&sig.output) && !is_made_synchronous {
        sig.asyncness = Some(Token![async](sig.fn_token.span));
        (sig.constness, sig.abi) = (None, None);
    }
    let of_none = |input: &&mut FnArg| matches!(input, FnArg::Typed(parameter) if session_param::is_of_no_factory(&parameter.ty, source));
    if let Some(FnArg::Typed(parameter)) = sig.inputs.iter_mut().find(of_none) {
        let ty = std::mem::replace(
            &mut *parameter.ty,
            Type::Verbatim(quote!(impl ::core::marker::Sized)),
        );
        if let Body::Block(_) = &function.body {
            let uses = imported(ty.to_token_stream(), source);
            let empty = quote!(#uses ::core::panic!("this function has errors"));
            function.body = Body::Block(Group::new(Delimiter::Brace, empty).into());
        }
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
    }
    function
}

/// Uses each imported name of a removed type. Otherwise the compiler would report its `use` as
/// unused.
fn imported(ty: TokenStream, source: Option<&Source>) -> TokenStream {
    ty.into_iter()
        .map(|token| match token {
            TokenTree::Ident(name)
                if source.is_some_and(|source| source.imports(&name.to_string())) =>
            {
                quote!(#[allow(unused_imports)] use #name as _;)
            }
            TokenTree::Group(group) => imported(group.stream(), source),
            _ => TokenStream::new(),
        })
        .collect()
}

/// Emits only `f`, if there is no `f_in`. `f` contains the body, so that whatever the body uses
/// counts as used.
fn alone(function: &Function, place: Place, source: Option<&Source>) -> TokenStream {
    let mut function = function.clone();
    function.attrs.retain(|attr| !attrs::is_own(attr));
    if let Some(name) = joined::taken_as_written(&function.sig.ident, source)
        && place == Place::TraitImpl
    {
        function.sig.ident = name;
        return quote!(#[allow(unused)] #function);
    }
    if place == Place::TraitImpl
        && let Some(name) = joined::plain_name(&function.sig.ident, source)
    {
        function.sig.ident = name;
    }
    if async_trait::output(&function.sig).is_some() && matches!(function.body, Body::Block(_)) {
        return alone_boxed(&function);
    }
    if function.sig.asyncness.is_none() || matches!(function.body, Body::Required(_)) {
        return quote!(#function);
    }
    let (sig, session) = without_session(&function);
    let session = session.map(|PatType { pat, ty, .. }| {
        quote!(let #pat: #ty = ::core::panic!("this function has errors");)
    });
    let statements = function.statements();
    let Function { attrs, vis, .. } = &function;
    quote! {
        #(#attrs)*
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig { #session #statements }
    }
}

/// Like `alone`, for a function that `#[async_trait]` has rewritten.
fn alone_boxed(function: &Function) -> TokenStream {
    let (mut sig, session) = without_session(function);
    sig.output = function.sig.output.clone();
    let session = session.map(|PatType { pat, ty, .. }| {
        if let Type::Reference(reference) = &*ty
            && let Some(lifetime) = &reference.lifetime
        {
            async_trait::remove_lifetime(&mut sig, lifetime);
        }
        let ty = with_static_lifetimes(&ty);
        quote!(let #pat: #ty = ::core::panic!("this function has errors");)
    });
    let statements = function.statements();
    let Function { attrs, vis, .. } = function;
    quote! {
        #(#attrs)*
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig { #session #statements }
    }
}

/// Splits the session's parameter off the signature.
fn without_session(function: &Function) -> (Signature, Option<PatType>) {
    let mut sig = function.sig.clone();
    let is_session = |ty: &Type| {
        let ty = behind_references(ty);
        is_session(ty) || is_connection(ty) || is_unread(ty)
    };
    let at = sig
        .inputs
        .iter()
        .position(|input| matches!(input, FnArg::Typed(parameter) if is_session(&parameter.ty)));
    let mut session = None;
    sig.inputs = std::mem::take(&mut sig.inputs)
        .into_iter()
        .enumerate()
        .filter_map(|(number, input)| match input {
            FnArg::Typed(parameter) if Some(number) == at => {
                session = Some(parameter);
                None
            }
            input => Some(input),
        })
        .collect();
    if let (Some(_), ReturnType::Type(_, output)) = (at, &mut sig.output) {
        **output = with_static_lifetimes(output);
    }
    (sig, session)
}

/// True for a lone `&mut`: the user is still typing the session's type.
fn is_unread(ty: &Type) -> bool {
    matches!(ty, Type::Verbatim(_))
}
