//! Expands the struct that holds a factory's configuration.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::diagnostics::respanned;
use crate::session_factory::docs;
use crate::session_factory::input::Backend;
use crate::session_factory::model::{Field, Model, Source};

/// The struct that holds the factory's configuration.
pub(super) fn config_type(model: &Model<'_>, config: &Ident) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let doc = format!("What [`{name}`] is configured with. `Debug` shows no secret.");
    let fields = model.fields.iter().map(|field| {
        let Field {
            name,
            ty,
            user_docs,
            ..
        } = field;
        let doc = docs::of_field(field);
        quote!(#(#user_docs)* #[doc = #doc] #vis #name: #ty)
    });
    let is_derived = model.fields.iter().all(|field| field.own_type.is_none());
    let derive = is_derived.then(|| quote!(#[derive(::core::clone::Clone, ::core::fmt::Debug)]));
    let written = (!is_derived).then(|| clone_and_debug(model, config));
    quote! {
        #[doc = #doc]
        #derive
        #[allow(
            dead_code,
            unreachable_pub,
            clippy::struct_field_names
        )]
        #vis struct #config { #(#fields),* }
        #written
    }
}

/// `Clone` and `Debug`, as `derive` would write them. If a type of the application lacks one, the
/// compiler reports it once, at the type.
fn clone_and_debug(model: &Model<'_>, config: &Ident) -> TokenStream {
    let text = config.to_string();
    let call = |field: &Field<'_>, function: &str| {
        let name = &field.name;
        let (ty, is_optional) = field.own_type?;
        let span = ty.span().resolved_at(Span::mixed_site());
        let krate = respanned(&model.krate, span);
        let function = Ident::new(function, span);
        let this = Ident::new("self", Span::call_site());
        let function = quote_spanned!(span=> <#ty as #krate::__private::ConfigField>::#function);
        Some(if is_optional {
            quote_spanned! {span=>
                match &#this.#name {
                    ::core::option::Option::Some(value) => {
                        ::core::option::Option::Some(#function(value))
                    }
                    ::core::option::Option::None => ::core::option::Option::None,
                }
            }
        } else {
            quote_spanned!(span=> #function(&#this.#name))
        })
    };
    let copies = model.fields.iter().map(|field| {
        let name = &field.name;
        let copy = call(field, "copied")
            .unwrap_or_else(|| quote!(::core::clone::Clone::clone(&self.#name)));
        quote!(#name: #copy)
    });
    let shown = model.fields.iter().map(|field| {
        let name = &field.name;
        let text = name.unraw().to_string();
        let value = call(field, "shown").unwrap_or_else(|| quote!(self.#name));
        quote!(.field(#text, &#value))
    });
    quote! {
        #[automatically_derived]
        #[allow(clippy::missing_trait_methods)]
        impl ::core::clone::Clone for #config {
            fn clone(&self) -> Self {
                Self { #(#copies),* }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #config {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#text)#(#shown)*.finish()
            }
        }
    }
}

pub(super) fn config_impl(model: &Model<'_>, config: &Ident) -> TokenStream {
    let krate = &model.krate;
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let private = quote!(#krate::__private);
    let result = quote!(::core::result::Result);
    let error = quote!(#krate::config::ConfigError);
    let string = quote!(::std::string::String);
    let function = quote! {
        impl ::core::ops::FnMut(&::core::primitive::str) -> ::core::option::Option<#string>
    };
    let trait_impl = trait_impl(model, config);
    let settings = model.fields.iter().filter_map(|field| match field.source {
        Source::Key { .. } => Some(field.name.unraw().to_string()),
        Source::Constant(_) | Source::Build { .. } => None,
    });
    quote! {
        #[allow(dead_code, unreachable_pub)]
        impl #config {
            /// Reads the process's environment.
            ///
            /// # Errors
            /// Everything that is missing or malformed, each by its full name.
            #vis fn from_env() -> #result<Self, #error> {
                #private::config_from_env::<#name>()
            }

            /// Reads values from a function that maps variables' names to their values.
            ///
            /// # Errors
            /// Everything that is missing or malformed, each by its full name.
            #vis fn from_vars(vars: #function) -> #result<Self, #error> {
                #private::config_from_vars::<#name>(vars)
            }

            /// The table of `describe`, for a function that maps variables' names to their values.
            #[must_use]
            #vis fn describe_vars(vars: #function) -> #string {
                #private::describe_vars::<#name>(vars)
            }
        }

        #trait_impl

        #private::__session_factory_dotenv! {
            #[allow(dead_code, unreachable_pub)]
            impl #config {
                /// Reads the process's environment. Variables that it lacks are read from a `.env`
                /// file.
                ///
                /// # Errors
                /// Everything that is missing or malformed, each by its full name, and the lines of
                /// `.env` that cannot be read.
                #vis fn from_dotenv() -> #result<Self, #error> {
                    #private::config_from_dotenv::<#name>()
                }
            }
        }

        #private::__session_factory_without_dotenv! {
            #[allow(dead_code, unreachable_pub)]
            impl #config {
                #[doc(hidden)]
                #vis fn from_dotenv() -> #result<Self, #error>
                where
                    for<'always> #private::Dotenv: #private::HasDotenv<'always>,
                {
                    #private::config_from_env::<#name>()
                }
            }
        }

        #private::__session_factory_serde! {
            impl<'de> #private::serde::Deserialize<'de> for #config {
                fn deserialize<D: #private::serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> #result<Self, D::Error> {
                    #private::config_from_serde::<#name, D>(deserializer, &[#(#settings),*])
                }
            }
        }
    }
}

/// The configuration's `impl` of the runtime's trait.
fn trait_impl(model: &Model<'_>, config: &Ident) -> TokenStream {
    let krate = &model.krate;
    let name = &model.factory.name;
    let dotenv = model.dotenv.is_some();
    let names: Vec<_> = model.fields.iter().map(|field| &field.name).collect();
    // These names have the macro's hygiene: a default's expression cannot see them, and no setting
    // clashes with them.
    let locals: Vec<_> = (0..names.len())
        .map(|at| format_ident!("__session_factory_field_{at}", span = Span::mixed_site()))
        .collect();
    let local = |setting: &str| {
        let at = names.iter().position(|name| *name == setting)?;
        locals.get(at)
    };
    let together = [
        "pool_size",
        "max_overflow",
        "pool_recycle",
        "idle_timeout",
        "replica_url",
        "leak_threshold",
    ]
    .into_iter()
    .filter_map(|setting| {
        let (field, local) = (Ident::new(setting, Span::call_site()), local(setting)?);
        Some(quote!(#field: &#local))
    });
    let reads = model.fields.iter().map(|field| &field.read);
    let backend = matches!(model.factory.backend, Some(Backend::BuildEnv(_)))
        .then(|| quote!(__session_factory_reader.backend::<__SessionFactoryDriver>();));
    let copies = model
        .fields
        .iter()
        .filter(|field| field.standard && field.name != "url")
        .map(|field| {
            let name = &field.name;
            quote!(__session_factory_settings.#name = ::core::clone::Clone::clone(&self.#name);)
        });
    let copies = quote!(#(#copies)*);
    let url = names.iter().find(|name| **name == "url");
    let shared = shared(model);
    quote_spanned! {Span::call_site()=>
        impl #krate::__private::FactoryConfig for #config {
            type Factory = #name;

            const DOTENV: ::core::primitive::bool = #dotenv;

            fn read(
                __session_factory_reader: &mut #krate::config::Reader<'_>,
            ) -> ::core::option::Option<Self> {
                type __SessionFactoryDriver = <#name as #krate::SessionFactory>::Driver;
                #[allow(unused_imports)]
                use #krate::config as __session_factory_config;
                #backend
                #(let #locals = #reads;)*
                __session_factory_reader.cross_check::<__SessionFactoryDriver>(
                    &#krate::__private::CrossChecks { #(#together),* },
                );
                ::core::option::Option::Some(Self { #(#names: #locals?),* })
            }

            #[allow(clippy::clone_on_copy)]
            fn settings(&self) -> #krate::config::Settings {
                let mut __session_factory_settings =
                    #krate::config::Settings::new(::core::clone::Clone::clone(&self.#url));
                #copies
                __session_factory_settings
            }

            #shared
        }
    }
}

/// Generates `shared`, which puts the configuration into an `Arc` for the factory. If a type of the
/// application cannot be shared between threads, the compiler reports it once, at the type.
fn shared(model: &Model<'_>) -> TokenStream {
    let private = {
        let krate = &model.krate;
        quote!(#krate::__private)
    };
    let own: Vec<_> = model
        .fields
        .iter()
        .filter_map(|field| field.own_type.map(|(ty, _)| ty))
        .collect();
    if own.is_empty() {
        return quote! {
            fn shared(self) -> #private::SharedConfig {
                ::std::sync::Arc::new(self)
            }
        };
    }
    let checks = own.into_iter().map(|ty| {
        let span = ty.span().resolved_at(Span::mixed_site());
        let private = respanned(&private, span);
        quote_spanned!(span=> #private::shared_field::<#ty>();)
    });
    quote! {
        fn shared(self) -> #private::SharedConfig {
            #[allow(unused_imports)]
            use #private::CannotShare as _;
            #(#checks)*
            #private::ToShare(self).share()
        }
    }
}
