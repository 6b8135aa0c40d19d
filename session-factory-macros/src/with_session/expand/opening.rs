//! Expands `f`: the user's function without the session.
//!
//! ```text
//! Input                                                  Output
//! async fn f(db: &mut Session<F>, (a, b): (A, B)) -> R   async fn f(arg: (A, B)) -> R {
//! { … }                                                      open a session
//!                                                            f_in(session, arg).await
//!                                                            commit, or roll back
//!                                                        }
//! ```

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, GenericParam, Signature, Type};

use super::called::{call_at, calls, contract, parameter, private};
use super::{arguments, options};
use crate::diagnostics::respanned;
use crate::with_session::model::Model;
use crate::with_session::types::{has_impl_trait, plain};
use crate::with_session::{async_trait, attrs, docs, session_use};

/// Expands the whole of `f`.
pub(super) fn opening(model: &Model<'_>) -> TokenStream {
    let function = model.function;
    let (inputs, attempt) = attempt(model);
    let code = code(model, &attempt);
    let mut sig = Signature {
        inputs: inputs.into_iter().collect(),
        ..function.sig.clone()
    };
    if let (true, FnArg::Typed(session)) = (model.boxed, &function.sig.inputs[model.session_at])
        && let Type::Reference(reference) = plain(&session.ty)
        && let Some(lifetime) = &reference.lifetime
    {
        async_trait::remove_lifetime(&mut sig, lifetime);
    }
    let docs = docs::of_opening(model);
    let attrs = attrs::of_opening(&function.attrs);
    let inner = (!calls(model)).then(|| function.inner_attrs());
    let vis = &function.vis;
    // A lifetime that only the session's parameter used is unused in `f`.
    let has_lifetimes = sig
        .generics
        .params
        .iter()
        .any(|param| matches!(param, GenericParam::Lifetime(_)));
    let lifetimes = has_lifetimes.then(|| {
        quote! {
            #[allow(
                single_use_lifetimes,
                unused_lifetimes,
                clippy::extra_unused_lifetimes,
                clippy::needless_lifetimes
            )]
        }
    });
    // The compiler warns the callers of a deprecated `f`. The call of `f_in` inside `f` needs no
    // further warning, and contains no code of the user.
    let deprecated = (calls(model) && attrs::mention_deprecated(&function.attrs))
        .then(|| quote!(#[allow(deprecated)]));
    let unused = session_use::warning(function);
    quote! {
        #docs
        #attrs
        #inner
        #deprecated
        // Some functions are only ever joined; the compiler would report their `f` as unused.
        // Clippy does not see the section `# Errors` that a macro adds.
        #[allow(dead_code, clippy::missing_errors_doc)]
        #lifetimes
        #vis #sig { #unused #code }
    }
}

/// The body of `f` around the attempts.
fn code(model: &Model<'_>, attempt: &TokenStream) -> TokenStream {
    let private = private(model);
    let options = options::options(model).map(|options| {
        quote_spanned! {Span::mixed_site()=>
            const __SESSION_FACTORY_OPTIONS: #private::Options = #options;
        }
    });
    let contract = contract(model);
    let parameter = parameter(model);
    let supported = options::supported(model);
    let asked = quote_spanned! {Span::mixed_site()=>
        let contract = #contract;
        let parameter = #parameter;
        #supported
    };
    let open = open(model);
    let attempts = attempts(model, attempt);
    let opened = unit(model, model.session.span());
    let opened = quote_spanned!(model.session.span()=> let mut #opened);
    let mut code = quote_spanned! {Span::mixed_site()=>
        #opened = match #open.await {
            ::core::result::Result::Ok(unit) => unit,
            ::core::result::Result::Err(error) => return contract.fail(error),
        };
        #attempts
    };
    if let Some(detach) = &model.args.detach {
        let at = Span::mixed_site().located_at(detach.span());
        code = quote_spanned!(at=> parameter.factory.detach(contract, async move { #code }).await);
    }
    if model.boxed {
        return quote_spanned! {Span::mixed_site()=>
            #options
            ::std::boxed::Box::pin(async move { #asked #code })
        };
    }
    quote!(#options #asked #code)
}

/// The future that opens the session. The location that it records is the attribute's.
fn open(model: &Model<'_>) -> TokenStream {
    let name = model.function.sig.ident.to_string();
    if options::options(model).is_some() {
        return quote_spanned! {Span::mixed_site()=>
            parameter.factory.open_with(#name, ::core::module_path!(), __SESSION_FACTORY_OPTIONS)
        };
    }
    quote_spanned!(Span::mixed_site()=> parameter.factory.open(#name, ::core::module_path!()))
}

/// The parameters of `f`, and the expression that runs the body once and returns its result.
fn attempt(model: &Model<'_>) -> (Vec<FnArg>, TokenStream) {
    let session = quote_spanned!(Span::mixed_site()=> session);
    let at_session = model.session.span();
    let borrowed = unit(model, at_session);
    let borrowed = quote_spanned!(at_session=> &mut #borrowed);
    let of_unit = quote_spanned!(Span::mixed_site()=> parameter, #borrowed);
    let unit_session = call_at(model, model.session, "of", false, of_unit);
    let calls = calls(model);
    let (inputs, call) = match (calls, model.factory) {
        (true, None) => arguments::call(model, &unit_session),
        (true, Some(_)) => arguments::call(model, &session),
        (false, _) => arguments::inline(model),
    };
    if model.factory.is_none() && calls {
        let run = quote_spanned! {Span::mixed_site()=>
            contract.run(unit.scope(), #call).await
        };
        return (inputs, run);
    }
    if model.factory.is_none() {
        let unit = unit(model, Span::call_site());
        let run = quote_spanned! {Span::mixed_site()=> {
            let scope = #unit.scope();
            let #session = #unit_session;
            contract.run(scope, #call).await
        }};
        return (inputs, run);
    }
    // Getting the connection and beginning the transaction counts as part of the call, and against
    // its deadline.
    let of_unit = quote_spanned!(Span::mixed_site()=> unit.session());
    let prepare = call_at(model, model.session, "prepare", false, of_unit);
    let run = quote_spanned! {Span::mixed_site()=>
        contract.run(unit.scope(), async {
            match #prepare.await {
                ::core::result::Result::Ok(#session) => #call.await,
                ::core::result::Result::Err(error) => {
                    contract.fail(error)
                }
            }
        }).await
    };
    (inputs, run)
}

/// The variable that holds the opened session.
///
/// A type behind `impl Trait` may borrow from the session, and the compiler reports that where the
/// session ends. In such a function, the variable's name explains the error.
fn unit(model: &Model<'_>, at: Span) -> TokenStream {
    if hides_a_type(model) {
        let unit = Ident::new("__session_factory_session_is_closed_before_returning", at);
        return quote!(#unit);
    }
    quote_spanned!(Span::mixed_site()=> unit)
}

fn hides_a_type(model: &Model<'_>) -> bool {
    !calls(model) && model.factory.is_none() && has_impl_trait(model.output)
}

/// Runs one attempt and ends its session; with `retry`, repeats that.
fn attempts(model: &Model<'_>, attempt: &TokenStream) -> TokenStream {
    let commit = model.args.commit_on.as_ref().map(|decide| {
        let at = Span::mixed_site().located_at(decide.span());
        let private = respanned(private(model), at);
        let call = quote_spanned!(at=> #private::decision(#decide(&result)));
        quote_spanned! {Span::mixed_site()=>
            let commit = #call;
        }
    });
    let (mut finish, mut again) = ("finish", "again");
    if commit.is_some() {
        (finish, again) = ("finish_by", "again_by");
    }
    let [finish, again] = [finish, again].map(|name| Ident::new(name, Span::mixed_site()));
    let argument = commit
        .is_some()
        .then(|| quote_spanned!(Span::mixed_site()=> , commit));
    let unit = unit(model, Span::call_site());
    if model.args.retry.is_none() {
        // If the function hides a type, moves the session out of its variable. If the result still borrows
        // from the session, the compiler then reports only one error: a borrowed session cannot be moved.
        let unit = if hides_a_type(model) {
            let unit = self::unit(model, model.session.span());
            quote!({ #unit })
        } else {
            unit
        };
        return quote_spanned! {Span::mixed_site()=>
            let result = #attempt;
            #commit
            contract
                .#finish(&mut #unit, result #argument)
                .await
        };
    }
    quote_spanned! {Span::mixed_site()=>
        loop {
            let result = #attempt;
            #commit
            if let ::core::ops::ControlFlow::Break(result) = contract
                .#again(&mut #unit, result #argument)
                .await
            {
                break result;
            }
        }
    }
}
