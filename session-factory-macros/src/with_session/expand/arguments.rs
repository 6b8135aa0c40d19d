//! The parameters of `f`, and how they reach the body: as arguments of `f_in`, or inlined.

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

/// The parameters of `f`, and the call of `f_in` with this session.
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

/// The parameters of `f`, and the body itself. The body takes the session from a variable
/// `session`.
pub(super) fn inline(model: &Model<'_>) -> (Vec<FnArg>, TokenStream) {
    let sig = &model.function.sig;
    let mut inputs = Vec::new();
    let mut rebound = TokenStream::new();
    for (at, input) in sig.inputs.iter().enumerate() {
        match input {
            _ if at == model.session_at => {}
            FnArg::Typed(parameter) if model.args.retry.is_some() => {
                // Each attempt gets its own arguments, under the names that the body uses.
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

/// The body as a future. With `moves`, it runs once and may take ownership of everything.
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
        // `#[async_trait]` has made the body an expression that already is a future.
        return quote!({ #rebound #allowed let #pat: &mut #ty = #session; #statements });
    }
    let hint = return_hint(model);
    let moves = moves.then(|| quote!(move));
    // Errors about the body as a whole, such as a missing result at its end, point at the body.
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

/// A `return` of the declared type that never runs. The compiler infers a block's type from its
/// first `return`. With this one, it checks and coerces the user's own `return`s, `?`s and last
/// expression against the declared type, as in the original function, and reports errors at their
/// places.
fn return_hint(model: &Model<'_>) -> TokenStream {
    let output = without_impl_trait(model.output);
    quote_spanned! {Span::mixed_site()=>
        if let ::core::option::Option::Some(result) = ::core::option::Option::None::<#output> {
            return result;
        }
    }
}

/// The expression that passes a parameter on: the parameter itself, or with `retry` a copy for each
/// attempt.
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
            // If the caller chooses the type, the compiler's own message is the best one: it says
            // where to write `Clone`.
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

/// A copy for each attempt, made by this function of the runtime.
fn again(model: &Model<'_>, function: &str, name: &TokenStream, at: Span) -> TokenStream {
    if model.args.retry.is_none() {
        return name.clone();
    }
    let at = Span::mixed_site().located_at(at);
    let private = respanned(private(model), at);
    let function = Ident::new(function, at);
    quote_spanned!(at=> #private::#function(&#name))
}

/// True if the caller chooses the type, or a part of it.
fn is_open(model: &Model<'_>, ty: &Type) -> bool {
    has_impl_trait(ty)
        || model
            .function
            .sig
            .generics
            .type_params()
            .any(|param| mentions(ty.to_token_stream(), &param.ident.to_string()))
}

/// True if, by its name, a web framework extracts this type from a request.
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

/// The parameter with this plain name instead of its pattern.
fn plain_parameter(parameter: &PatType, name: &Ident) -> PatType {
    PatType {
        attrs: attrs::of_parameter(&parameter.attrs).cloned().collect(),
        pat: syn::parse_quote!(#name),
        colon_token: parameter.colon_token,
        ty: parameter.ty.clone(),
    }
}

/// Removes the `mut` of `mut self`: it concerns the body, which is in `f_in`.
fn without_mut(receiver: &Receiver) -> Receiver {
    let by_reference = matches!(receiver.kind, ReceiverKind::Reference(..));
    let mutability = receiver.mutability.filter(|_| by_reference);
    Receiver {
        mutability,
        ..receiver.clone()
    }
}

/// The variables that an expansion declares. Their hygiene hides them from the user's code; a
/// parameter's plain name has the same hygiene, and must differ from them.
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

/// A plain name for a parameter. It equals the user's name but has the macro's hygiene, so that
/// lints about names (`_id` is used, `l` looks like `1`) do not apply to this function.
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

/// `::<T, N>`, because the arguments alone may not determine them. Lifetimes are always inferred.
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
