//! Expands a factory that has no driver because of an error. Its name becomes a type that the
//! compiler already knows to be wrong. The compiler reports no further errors about such a type, so
//! functions that use the factory add none, and the macro's error stays the only one.
//!
//! That type is an array whose length does not compile. If the factory's name stood for the array
//! itself, the application's `impl` blocks for the factory would be errors too. So this module declares
//! a trait whose associated type is the array, and the factory's name stands for a trait object of it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use crate::diagnostics::Errors;
use crate::session_factory::model::Model;

/// Expands the broken factory that carries all errors of the invocation.
pub(super) fn with(model: &Model<'_>, errors: &Errors) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let (config, broken) = (&model.config, trait_of(model));
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

/// Expands each further broken factory of the invocation; `first` carries the errors.
pub(super) fn like(model: &Model<'_>, first: &Ident) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let config = &model.config;
    let uses = uses(model);
    quote! {
        #[allow(dead_code, unreachable_pub)]
        #vis type #name = #first;
        #[allow(dead_code, unreachable_pub)]
        #vis type #config = #first;
        #uses
    }
}

/// The names that the runtime's macro needs to generate the same broken items if the backend's
/// feature is off: visibility, trait, factory and configuration.
pub(super) fn names(model: &Model<'_>) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let (config, broken) = (&model.config, trait_of(model));
    quote!(#vis #broken #name #config)
}

/// Uses the names that the application imported for this factory. Without this code, the compiler
/// would report unused `use` lines.
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

fn trait_of(model: &Model<'_>) -> Ident {
    format_ident!("__SessionFactoryBroken{}", model.factory.name)
}
