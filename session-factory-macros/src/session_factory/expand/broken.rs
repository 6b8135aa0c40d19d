//! A factory with an error that leaves it without a driver. Its name stands for a type that the compiler already
//! knows to be wrong and reports no further errors about: functions that use the factory add no errors, and the
//! macro's error stays the only one.
//!
//! Such a type is an array whose length does not compile. A trait object names it, through a trait declared beside
//! it, because the application's `impl` on an array would be an error as well.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use crate::diagnostics::Errors;
use crate::session_factory::model::Model;

/// The factory with all errors of the invocation.
pub(super) fn with(model: &Model<'_>, errors: &Errors) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let (config, broken) = (config(model), trait_of(model));
    let errors = errors.in_order();
    let uses = uses(model);
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, unreachable_pub)]
        #vis trait #broken {
            type Error;
        }
        #[allow(dead_code, unreachable_pub)]
        #vis type #name = dyn #broken<Error = [(); { #(let () = #errors;)* 0 }]>;
        #[allow(dead_code, unreachable_pub)]
        #vis type #config = #name;
        #uses
    }
}

/// A factory beside one that has the errors.
pub(super) fn like(model: &Model<'_>, first: &Ident) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let config = config(model);
    let uses = uses(model);
    quote! {
        #[allow(dead_code, unreachable_pub)]
        #vis type #name = #first;
        #[allow(dead_code, unreachable_pub)]
        #vis type #config = #first;
        #uses
    }
}

/// What the runtime needs to leave the same behind: the visibility, the trait, the factory and its configuration.
pub(super) fn names(model: &Model<'_>) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let (config, broken) = (config(model), trait_of(model));
    quote!(#vis #broken #name #config)
}

/// Uses what the application imported for this factory: the compiler would otherwise report unused `use` lines.
pub(super) fn uses(model: &Model<'_>) -> TokenStream {
    let (attrs, name) = (&model.factory.attrs, &model.factory.name);
    let types = model
        .factory
        .settings
        .iter()
        .filter_map(|setting| setting.ty.as_ref())
        .filter(|ty| matches!(ty, Type::Path(_)));
    quote! {
        const _: () = {
            #(#attrs)*
            #[allow(dead_code)]
            enum #name {}
            #[allow(dead_code)]
            fn __session_factory_types(#(_: &#types),*) {}
        };
    }
}

/// The name of the configuration's type.
pub(super) fn config(model: &Model<'_>) -> Ident {
    format_ident!("{}Config", model.factory.name)
}

fn trait_of(model: &Model<'_>) -> Ident {
    format_ident!("__SessionFactoryBroken{}", model.factory.name)
}
