//! Expands the generated items. Each generated function is one call of the runtime crate, which
//! contains all behaviour.

mod broken;
mod calls;
mod config;
mod keys;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;

use super::backend::Driver;
use super::build::tracked;
use super::docs;
use super::model::Model;
use crate::diagnostics::{Errors, respanned};
use calls::calls;
use config::{config_impl, config_type};
use keys::keys;

/// All items of one invocation. The errors appear once, and a factory without a driver is still
/// declared, as a broken type.
pub(super) fn expand(models: &[Model<'_>], errors: &Errors) -> TokenStream {
    let first = models.iter().find(|model| model.driver.is_none());
    let items = models.iter().map(|model| match (&model.driver, first) {
        (Some(driver), _) => factory(model, driver),
        (None, Some(first)) if first.factory.name != model.factory.name => {
            broken::like(model, &first.factory.name)
        }
        (None, _) => broken::with(model, errors),
    });
    let errors = first.is_none().then_some(errors);
    quote!(#errors #(#items)*)
}

/// All items of one factory.
fn factory(model: &Model<'_>, driver: &Driver) -> TokenStream {
    let config = &model.config;
    let factory_type = factory_type(model);
    let config_type = config_type(model, config);
    let factory_impl = factory_impl(model, config, &driver.name);
    let calls = calls(model);
    let config_impl = config_impl(model, config);
    let needing_the_driver = driver.require(
        &broken::names(model),
        &broken::uses(model),
        &quote!(#factory_type #config_type #factory_impl #calls #config_impl),
    );
    let built = model.built.iter().map(|key| tracked(key));
    let krate = &model.krate;
    let dotenv = model.dotenv.map(|span| {
        let krate = respanned(krate, span);
        quote_spanned!(span=> #krate::__private::__session_factory_require_dotenv! {})
    });
    quote!(#(#built)* #dotenv #needing_the_driver)
}

fn factory_type(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let factory = model.factory;
    let (attrs, vis, name) = (&factory.attrs, &factory.vis, &factory.name);
    let text = name.to_string();
    let doc = docs::of_factory(model);
    let keys = keys(model);
    let derives_already = attrs.iter().any(|attr| attr.path().is_ident("derive"));
    let derive = (!derives_already)
        .then(|| quote!(#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]));
    let declared = (!model.is_declared).then(|| {
        quote! {
            #(#attrs)*
            #[doc = #doc]
            #derive
            #[allow(dead_code)]
            #vis struct #name {
                __session_factory_is_never_a_value: ::core::convert::Infallible,
            }
        }
    });
    quote! {
        #declared

        #[allow(dead_code, unreachable_pub)]
        impl #name {
            /// The environment variables that configure this factory.
            #vis const KEYS: &'static [#krate::config::Key] = &[#(#keys),*];

            /// The text of an `.env.example`: each variable with its meaning, type and default.
            #[must_use]
            #vis fn env_example() -> ::std::string::String {
                #krate::config::env_example(#text, Self::KEYS)
            }
        }
    }
}

fn factory_impl(model: &Model<'_>, config: &Ident, driver: &TokenStream) -> TokenStream {
    let krate = &model.krate;
    let name = &model.factory.name;
    let text = name.to_string();
    // If the macro knows the pool's size, it checks at compile time that `requires_new` can get a
    // second connection.
    let limit = model
        .fixed("pool_size")
        .zip(model.fixed("max_overflow"))
        .map(|(size, overflow)| size.saturating_add(overflow));
    let pool = if matches!(limit, Some(0 | 1)) {
        quote!(PoolOfOne)
    } else {
        quote!(AnyPool)
    };
    quote! {
        impl #krate::SessionFactory for #name {
            type Driver = #driver;
            type Config = #config;
            type Pool = #krate::__private::#pool;
            const NAME: &'static ::core::primitive::str = #text;
            const KEYS: &'static [#krate::config::Key] = Self::KEYS;

            fn global() -> &'static #krate::__private::Global<Self> {
                static __SESSION_FACTORY_GLOBAL: #krate::__private::Global<#name> =
                    #krate::__private::Global::new();
                &__SESSION_FACTORY_GLOBAL
            }
        }
    }
}
