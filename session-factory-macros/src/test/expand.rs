//! Expands a test: the function as its author wrote it, inside the function that runs it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Signature, Type};

use super::args::{Args, Fixture};
use super::input::TestFunction;
use crate::diagnostics::pretty;

/// The whole test.
pub(super) fn test(args: &Args, factory: &Type, function: &TestFunction) -> TokenStream {
    let TestFunction {
        attrs,
        vis,
        sig,
        body,
    } = function;
    let krate = args.krate();
    let testing = quote!(#krate::__private::testing);
    let name = &sig.ident;
    let plan = plan(args, function, &testing);
    let fixtures = args.fixtures.iter().map(|fixture| match fixture {
        Fixture::Function(path) => {
            let name = pretty(path);
            quote_spanned!(path.span()=> #testing::Fixture::function(#name, #path))
        }
        Fixture::File(file) => quote_spanned! {file.span()=>
            #testing::Fixture::sql(
                #file,
                ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #file)),
            )
        },
    });
    let test = Ident::new("__session_factory_test", Span::mixed_site());
    let parameters = function
        .parameters()
        .map(|ty| quote_spanned!(ty.span()=> #testing::parameter::<#ty, #factory>(#test)));
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #[::core::prelude::v1::test]
        #vis fn #name() {
            #sig #body

            #testing::run::<#factory, _, _>(
                &#plan,
                &[#(#fixtures),*],
                |#test| #name(#(#parameters),*),
            );
        }
    }
}

fn plan(args: &Args, function: &TestFunction, testing: &TokenStream) -> TokenStream {
    let name = function.sig.ident.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    let mut plan = quote! {
        #testing::Plan::new(
            ::core::concat!(::core::module_path!(), "::", #name),
            ::core::env!("CARGO_MANIFEST_DIR"),
        )
    };
    if args.multi_thread.is_some() {
        plan.extend(quote!(.multi_thread()));
    }
    if let Some((_, number)) = &args.workers {
        plan.extend(quote!(.workers(#number)));
    }
    if args.start_paused.is_some() {
        plan.extend(quote!(.start_paused()));
    }
    if let Some(limit) = args.within {
        let (seconds, nanos) = (limit.as_secs(), limit.subsec_nanos());
        plan.extend(quote!(.within(::core::time::Duration::new(#seconds, #nanos))));
    }
    if args.wait_for_strays {
        plan.extend(quote!(.wait_for_strays()));
    }
    if args.keep.is_some() {
        plan.extend(quote!(.keep()));
    }
    match function.should_panic() {
        Some(Some(expected)) => {
            plan.extend(quote!(.panics(::core::option::Option::Some(#expected))));
        }
        Some(None) => plan.extend(quote!(.panics(::core::option::Option::None))),
        None => {}
    }
    plan
}

/// The function without the attribute's work, so that the editor still sees it.
pub(super) fn after_errors(function: &TestFunction) -> TokenStream {
    let TestFunction { sig, body, .. } = function;
    let sig = Signature { ..sig.clone() };
    quote!(#[allow(unused)] #sig #body)
}
