//! Expands a test: the function as its author wrote it, inside the function that runs it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Signature;
use syn::spanned::Spanned;

use super::args::{Args, Factory, Fixture};
use super::input::TestFunction;
use crate::diagnostics::pretty;

/// The whole test.
pub(super) fn test(args: &Args, function: &TestFunction) -> TokenStream {
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
    let wanted = args
        .factories
        .iter()
        .map(|factory| wanted(factory, &testing));
    let tests = Ident::new("__session_factory_tests", Span::mixed_site());
    // With several factories, the parameter's type says which one it belongs to.
    let of = if let [one] = args.factories.as_slice() {
        one.ty.to_token_stream()
    } else {
        quote!(_)
    };
    let parameters = function
        .parameters()
        .map(|ty| quote_spanned!(ty.span()=> #testing::parameter::<#ty, #of>(#tests)));
    let rolls_back = args.factories.iter().filter(|_| args.rollback.is_some());
    let rolls_back = rolls_back.map(|factory| {
        let ty = &factory.ty;
        quote_spanned!(ty.span()=> const _: () = #testing::rolls_back::<#ty>();)
    });
    quote_spanned! {Span::mixed_site()=>
        // Outside of the test, so that the compiler checks it in every build.
        #(#rolls_back)*

        #(#attrs)*
        #[::core::prelude::v1::test]
        #vis fn #name() {
            #sig #body

            #testing::run(
                &#plan,
                &[#(#wanted),*],
                |#tests| #name(#(#parameters),*),
            );
        }
    }
}

/// One of the test's factories, with what its database begins with.
fn wanted(factory: &Factory, testing: &TokenStream) -> TokenStream {
    let Factory { ty, content } = factory;
    let migrations = content.migrations.iter().map(|path| {
        let name = pretty(path);
        quote_spanned!(path.span()=> #testing::Fixture::migrations(#name, &#path))
    });
    let fixtures = content.fixtures.iter().map(|fixture| match fixture {
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
    let fixtures = migrations.chain(fixtures);
    quote_spanned! {ty.span()=>
        &#testing::Wanted::<#ty>::new(::std::vec![#(#fixtures),*])
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
    if args.fresh.is_some() {
        plan.extend(quote!(.fresh()));
    }
    if args.rollback.is_some() {
        plan.extend(quote!(.rollback()));
    }
    if args.ids_as_they_are.is_some() {
        plan.extend(quote!(.ids_as_they_are()));
    }
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
