//! The two functions. Nothing behaves here: the code names the function, its session and its
//! arguments, and calls the runtime.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    FnArg, GenericParam, Ident, Pat, PatType, Receiver, ReceiverKind, ReturnType, Signature, Type,
};

use super::args::Args;
use super::input::{Body, Function};
use super::model::Model;
use super::place::{Place, path_to};
use super::types::{
    behind_references, has_impl_trait, is_connection, is_session, with_static_lifetimes,
    without_impl_trait,
};
use super::{attrs, docs};
use crate::diagnostics::respanned;

/// `f_in` and `f`.
pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let joining = joining(model);
    let opening = opening(model);
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
    let docs = docs::of_joining(model);
    let attrs = attrs::of_joining(attrs);
    let sig = Signature {
        ident: name.clone(),
        ..sig.clone()
    };
    Some(quote!(#docs #attrs #vis #sig #body))
}

/// `f`: the same function without the session.
///
/// ```text
/// Input                                                  Output
/// async fn f(db: &mut Session<F>, (a, b): (A, B)) -> R   async fn f(arg: (A, B)) -> R
/// ```
fn opening(model: &Model<'_>) -> TokenStream {
    let Model {
        function, krate, ..
    } = model;
    let sig = &function.sig;
    let private = quote!(#krate::__private);
    // What the type system has to say about a type, it shall say at that type, and once.
    let at_output = Span::mixed_site().located_at(model.output.span());
    let private_at_output = respanned(&private, at_output);
    let contract = quote_spanned!(at_output=> #private_at_output::contract());
    let (inputs, call) = if calls(model) {
        call(model)
    } else {
        inline(model, &private)
    };
    let (open, run) = session(model, &private, &call);

    let docs = docs::of_opening(model);
    let attrs = attrs::of_opening(&function.attrs);
    let vis = &function.vis;
    let name = sig.ident.to_string();
    let sig = Signature {
        inputs: inputs.into_iter().collect(),
        ..sig.clone()
    };
    let code = quote_spanned! {Span::mixed_site()=>
        static __SESSION_FACTORY_ORIGIN: #private::Origin = #private::Origin::new(
            #name, ::core::module_path!(), ::core::file!(), ::core::line!(),
        );
        let __session_factory_contract = #contract;
        let mut __session_factory_unit = match #open.await {
            ::core::result::Result::Ok(__session_factory_unit) => __session_factory_unit,
            ::core::result::Result::Err(__session_factory_error) => {
                return __session_factory_contract.fail(__session_factory_error);
            }
        };
        let __session_factory_scope = __session_factory_unit.scope();
        let __session_factory_result = #run;
        __session_factory_contract.finish(__session_factory_unit, __session_factory_result).await
    };
    // A function that others only ever join would otherwise be reported as never used, and a lifetime
    // that only the session had as one too many.
    quote! {
        #docs
        #attrs
        #[allow(
            dead_code,
            single_use_lifetimes,
            unused_lifetimes,
            clippy::extra_unused_lifetimes,
            clippy::needless_lifetimes
        )]
        #vis #sig { #code }
    }
}

/// How the session is opened, and how the call is run in it.
fn session(
    model: &Model<'_>,
    private: &TokenStream,
    call: &TokenStream,
) -> (TokenStream, TokenStream) {
    let session = model.session;
    let at_session = Span::mixed_site().located_at(session.span());
    let private_at_session = respanned(private, at_session);
    let arguments = quote_spanned! {Span::mixed_site()=>
        (&__SESSION_FACTORY_ORIGIN, #private::Options::new())
    };
    let Some(factory) = model.factory else {
        // The parameter is the session itself, and its type names the factory.
        let open = quote_spanned!(at_session=> #private_at_session::open::<#session>);
        let run = quote_spanned! {Span::mixed_site()=> {
            let __session_factory_session = __session_factory_unit.session();
            __session_factory_scope.run(#call).await
        }};
        return (quote!(#open #arguments), run);
    };
    let at_factory = Span::mixed_site().located_at(factory.span());
    let private_at_factory = respanned(private, at_factory);
    let open = quote_spanned!(at_factory=> #private_at_factory::open_of::<#factory>);
    let prepare = quote_spanned!(at_session=> #private_at_session::prepare::<#session, #factory>);
    let run = quote_spanned! {Span::mixed_site()=>
        match #prepare(__session_factory_unit.session()).await {
            ::core::result::Result::Ok(__session_factory_session) => {
                __session_factory_scope.run(#call).await
            }
            ::core::result::Result::Err(__session_factory_error) => {
                __session_factory_contract.fail(__session_factory_error)
            }
        }
    };
    (quote!(#open #arguments), run)
}

/// Whether `f` can call `f_in`. It cannot when there is none, nor when the return type hides another
/// type: that would be taken to borrow from the session, as every `impl Trait` of an `async fn` is.
fn calls(model: &Model<'_>) -> bool {
    model.joined.is_some() && !has_impl_trait(model.output)
}

/// The parameters of `f`, and its call of `f_in`.
fn call(model: &Model<'_>) -> (Vec<FnArg>, TokenStream) {
    let sig = &model.function.sig;
    let mut inputs = Vec::new();
    let mut arguments = Vec::new();
    for (at, input) in sig.inputs.iter().enumerate() {
        match input {
            _ if at == model.session_at => {
                arguments.push(quote_spanned!(Span::mixed_site()=> __session_factory_session));
            }
            FnArg::Receiver(receiver) => {
                let name = receiver.self_token;
                arguments.push(quote!(#name));
                inputs.push(FnArg::Receiver(without_mut(receiver)));
            }
            FnArg::Typed(parameter) => {
                let attrs: Vec<_> = attrs::of_parameter(&parameter.attrs).cloned().collect();
                let name = argument_name(parameter, at);
                arguments.push(quote!(#(#attrs)* #name));
                let pat = syn::parse_quote!(#name);
                let ty = parameter.ty.clone();
                inputs.push(FnArg::Typed(PatType {
                    attrs,
                    pat,
                    colon_token: parameter.colon_token,
                    ty,
                }));
            }
        }
    }
    let path = path_to(model.place);
    let name = &model.joined;
    let generics = generic_arguments(sig);
    (inputs, quote!(#path #name #generics (#(#arguments),*)))
}

/// The parameters of `f` as they were written, and the body itself as a block.
fn inline(model: &Model<'_>, private: &TokenStream) -> (Vec<FnArg>, TokenStream) {
    let sig = &model.function.sig;
    let others = |at: &usize| *at != model.session_at;
    let inputs = (0..sig.inputs.len())
        .filter(others)
        .map(|at| sig.inputs[at].clone())
        .collect();
    let FnArg::Typed(parameter) = &sig.inputs[model.session_at] else {
        return (inputs, TokenStream::new());
    };
    let (pat, ty) = (&parameter.pat, model.session);
    let output = without_impl_trait(model.output);
    let statements = model.function.statements();
    let session = quote_spanned!(Span::mixed_site()=> __session_factory_session);
    let block = quote! {
        #private::returns::<#output, _>(async move {
            let #pat: &mut #ty = #session;
            #statements
        })
    };
    (inputs, block)
}

/// `mut self` says something about the body, which is in `f_in`.
fn without_mut(receiver: &Receiver) -> Receiver {
    let by_reference = matches!(receiver.kind, ReceiverKind::Reference(..));
    let mutability = receiver.mutability.filter(|_| by_reference);
    Receiver {
        mutability,
        ..receiver.clone()
    }
}

/// A plain name for a parameter. It is the macro's own, although it is called as the user's is: lints
/// about names (`_id` is used, `l` looks like `1`) are not about this function.
fn argument_name(parameter: &PatType, at: usize) -> Ident {
    match &*parameter.pat {
        Pat::Ident(pat) if pat.subpat.is_none() => {
            let mut name = pat.ident.clone();
            name.set_span(Span::mixed_site().located_at(name.span()));
            name
        }
        pat => format_ident!(
            "__session_factory_arg_{at}",
            span = Span::mixed_site().located_at(pat.span())
        ),
    }
}

/// `::<T, N>`: what the arguments alone may not tell. Lifetimes are always inferred.
fn generic_arguments(sig: &Signature) -> Option<TokenStream> {
    let params = &sig.generics.params;
    let names: Vec<_> = params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

/// Both functions with as much of their signatures as could be understood, so that their callers, and
/// the editor, still find them.
pub(super) fn after_errors(args: &Args, function: &Function, place: Place) -> TokenStream {
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
