//! The parameters of `f`, and how the body gets them: as the arguments of `f_in`, or inlined.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    FnArg, GenericParam, Ident, Pat, PatType, Receiver, ReceiverKind, Signature, Type,
    TypeReference,
};

use super::called::private;
use crate::diagnostics::respanned;
use crate::with_session::attrs;
use crate::with_session::model::Model;
use crate::with_session::place::path_to;
use crate::with_session::session_use;
use crate::with_session::types::{has_impl_trait, last_name, mentions, plain, without_impl_trait};

/// The parameters of `f`, and its call of `f_in` with this session.
pub(super) fn call(model: &Model<'_>, session: &TokenStream) -> (Vec<FnArg>, TokenStream) {
    let sig = &model.function.sig;
    let mut inputs = Vec::new();
    let mut arguments = Vec::new();
    for (at, input) in sig.inputs.iter().enumerate() {
        match input {
            _ if at == model.session_at => arguments.push(session.clone()),
            FnArg::Receiver(receiver) => {
                let name = receiver.self_token;
                let by_reference = matches!(receiver.kind, ReceiverKind::Reference(..));
                let own = if by_reference {
                    quote!(#name)
                } else {
                    again(model, "again_for_self", &quote!(#name), name.span)
                };
                arguments.push(own);
                inputs.push(FnArg::Receiver(without_mut(receiver)));
            }
            FnArg::Typed(parameter) => {
                let name = argument_name(parameter, at);
                let attrs: Vec<_> = attrs::of_parameter(&parameter.attrs).cloned().collect();
                let ty = &parameter.ty;
                let own = argument(model, ty, &quote!(#name));
                arguments.push(quote!(#(#attrs)* #own));
                inputs.push(FnArg::Typed(plain_parameter(parameter, &name)));
            }
        }
    }
    let path = path_to(model.place);
    let name = &model.joined;
    let generics = generic_arguments(sig);
    (inputs, quote!(#path #name #generics (#(#arguments),*)))
}

/// The parameters of `f`, and the body itself. It takes the session from a variable `session`.
pub(super) fn inline(model: &Model<'_>) -> (Vec<FnArg>, TokenStream) {
    let sig = &model.function.sig;
    let mut inputs = Vec::new();
    let mut rebound = TokenStream::new();
    for (at, input) in sig.inputs.iter().enumerate() {
        match input {
            _ if at == model.session_at => {}
            FnArg::Typed(parameter) if model.args.retry.is_some() => {
                // Each attempt has arguments of its own, under the names that the body knows.
                let name = argument_name(parameter, at);
                let (attrs, pat, ty) = (&parameter.attrs, &parameter.pat, &parameter.ty);
                let own = argument(model, ty, &quote!(#name));
                rebound.extend(quote!(#(#attrs)* let #pat = #own;));
                inputs.push(FnArg::Typed(plain_parameter(parameter, &name)));
            }
            input => inputs.push(input.clone()),
        }
    }
    let body = body(model, &rebound, model.args.retry.is_none());
    (inputs, body)
}

/// The body as a future. `moves`: it is run once, and may take everything with it.
pub(super) fn body(model: &Model<'_>, rebound: &TokenStream, moves: bool) -> TokenStream {
    let FnArg::Typed(parameter) = &model.function.sig.inputs[model.session_at] else {
        return TokenStream::new();
    };
    let (pat, ty) = (&parameter.pat, model.session);
    let statements = model.function.statements();
    let allowed = session_use::warning(model.function)
        .is_some()
        .then(|| quote!(#[allow(unused_variables)]));
    let session = quote_spanned!(Span::mixed_site()=> session);
    if model.boxed {
        // `#[async_trait]` has made an expression of it that is a future already.
        return quote!({ #rebound #allowed let #pat: &mut #ty = #session; #statements });
    }
    let hint = return_hint(model);
    let moves = moves.then(|| quote!(move));
    // What is wrong with the body as a whole, such as no result at its end, is blamed on the body.
    let at = model.function.body_span();
    let code = quote! {
        #hint
        #rebound
        #allowed
        let #pat: &mut #ty = #session;
        #statements
    };
    let mut block = Group::new(Delimiter::Brace, code);
    block.set_span(Span::mixed_site().located_at(at));
    quote!(async #moves #block)
}

/// A `return` that never happens, of the declared type. The compiler takes the type of a block from the first
/// `return` in it: with this one the user's own, and `?`, and the last expression, are checked and coerced
/// against the declared type as in the function that was written, and blamed where they stand.
fn return_hint(model: &Model<'_>) -> TokenStream {
    let output = without_impl_trait(model.output);
    quote_spanned! {Span::mixed_site()=>
        if let ::core::option::Option::Some(result) = ::core::option::Option::None::<#output> {
            return result;
        }
    }
}

/// What is passed on for a parameter: itself, or with `retry` one of its own for each attempt.
fn argument(model: &Model<'_>, ty: &Type, name: &TokenStream) -> TokenStream {
    if model.args.retry.is_none() {
        return name.clone();
    }
    match plain(ty) {
        Type::Reference(TypeReference {
            mutability: None, ..
        }) => name.clone(),
        Type::Reference(_) => quote!(&mut *#name),
        ty => {
            // What the compiler says of a type that callers choose is right as it is: where to write `Clone`.
            let function = if is_open(model, ty) {
                "again_for_any"
            } else if is_extractor(ty) {
                "again_for_extractor"
            } else {
                "again"
            };
            again(model, function, name, ty.span())
        }
    }
}

/// One for each attempt, by this function of the runtime.
fn again(model: &Model<'_>, function: &str, name: &TokenStream, at: Span) -> TokenStream {
    if model.args.retry.is_none() {
        return name.clone();
    }
    let at = Span::mixed_site().located_at(at);
    let private = respanned(private(model), at);
    let function = Ident::new(function, at);
    quote_spanned!(at=> #private::#function(&#name))
}

/// Whether callers choose the type, or a part of it.
fn is_open(model: &Model<'_>, ty: &Type) -> bool {
    has_impl_trait(ty)
        || model
            .function
            .sig
            .generics
            .type_params()
            .any(|param| mentions(ty.to_token_stream(), &param.ident.to_string()))
}

/// Whether a web framework makes it from a request, by its name.
fn is_extractor(ty: &Type) -> bool {
    const NAMES: [&str; 10] = [
        "Path",
        "Query",
        "Json",
        "Form",
        "Multipart",
        "Request",
        "Body",
        "Payload",
        "TypedHeader",
        "Bytes",
    ];
    last_name(ty).is_some_and(|name| NAMES.contains(&name.as_str()))
}

/// The parameter under a plain name.
fn plain_parameter(parameter: &PatType, name: &Ident) -> PatType {
    PatType {
        attrs: attrs::of_parameter(&parameter.attrs).cloned().collect(),
        pat: syn::parse_quote!(#name),
        colon_token: parameter.colon_token,
        ty: parameter.ty.clone(),
    }
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

/// The names of the variables in an expansion. Nobody else's code sees them, but a plain name is the
/// macro's own too.
const OWN_NAMES: [&str; 10] = [
    "commit",
    "contract",
    "error",
    "next",
    "parameter",
    "result",
    "savepoint",
    "scope",
    "session",
    "unit",
];

/// A plain name for a parameter. It is the macro's own, although it is called as the user's is: lints
/// about names (`_id` is used, `l` looks like `1`) are not about this function.
pub(super) fn argument_name(parameter: &PatType, at: usize) -> Ident {
    match &*parameter.pat {
        Pat::Ident(pat) if pat.subpat.is_none() => {
            let mut name = pat.ident.clone();
            if OWN_NAMES.iter().any(|own| name == own) {
                name = format_ident!("{name}_");
            }
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
